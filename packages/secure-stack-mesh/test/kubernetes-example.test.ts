import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { EXAMPLES, ExampleProcess } from './support/example-process.js';

const FOLDER = join(EXAMPLES, 'kubernetes');
const FILES = ['deployment.yaml', 'network-policy.yaml', 'pod-monitor.yaml', 'service.yaml'];

interface Port { readonly name?: string; readonly containerPort?: number; readonly port?: number | string; readonly targetPort?: string; readonly path?: string }
interface Probe { readonly httpGet: { readonly path: string; readonly port: string }; readonly periodSeconds: number; readonly failureThreshold: number }
interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly ports: readonly Port[];
  readonly command: readonly string[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: unknown;
}
interface Selector { readonly matchLabels: Readonly<Record<string, string>> }
interface WithPorts { readonly ports: readonly Port[] }
interface Specs {
  readonly Deployment: { readonly selector: Selector; readonly template: { readonly metadata: { readonly labels: object }; readonly spec: { readonly containers: readonly [Container]; readonly terminationGracePeriodSeconds: number } } };
  readonly Service: WithPorts & { readonly clusterIP: string; readonly selector: object };
  readonly PodMonitor: { readonly selector: Selector; readonly podMetricsEndpoints: readonly [Port] };
  readonly NetworkPolicy: { readonly podSelector: Selector; readonly ingress: readonly WithPorts[]; readonly egress: readonly WithPorts[] };
}

const text = (file: string): string => readFileSync(join(FOLDER, file), 'utf8');

/** @throws what is wrong in it, a key that stands twice included */
function parse(source: string): Manifest[] {
  return parseAllDocuments(source).map((document) => {
    if (document.errors.length > 0) throw new Error(document.errors.map(String).join('\n'));
    return document.toJSON() as Manifest;
  });
}

const byKind = new Map<string, Manifest>();
let container: Container;
beforeAll(() => {
  for (const file of FILES) for (const manifest of parse(text(file))) byKind.set(manifest.kind, manifest);
  [container] = spec('Deployment').template.spec.containers;
});
const spec = <Kind extends keyof Specs>(kind: Kind): Specs[Kind] => byKind.get(kind)?.spec as Specs[Kind];
const portOf = (name: unknown): number | undefined => container.ports.find((port) => port.name === name)?.containerPort;
const valueOf = (name: string): string | undefined => container.env.find((variable) => variable.name === name)?.value;

describe('the manifests', () => {
  test('are YAML, of one name in one namespace, and the README and kubectl know them all', () => {
    expect(readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'))).toEqual(FILES);
    expect([...byKind].map(([kind, { apiVersion }]) => `${apiVersion} ${kind}`).sort()).toEqual([
      'apps/v1 Deployment', 'monitoring.coreos.com/v1 PodMonitor', 'networking.k8s.io/v1 NetworkPolicy', 'v1 Service',
    ]);
    for (const { metadata } of byKind.values()) expect(metadata).toMatchObject({ name: 'orders', namespace: 'prod' });
    for (const file of FILES) expect(text('README.md')).toContain(`-f ${file}`);
  });

  test('mean the same pods', () => {
    const labels = spec('Deployment').template.metadata.labels;
    expect(spec('Deployment').selector.matchLabels).toEqual(labels);
    expect(spec('Service').selector).toEqual(labels);
    expect(spec('PodMonitor').selector.matchLabels).toEqual(labels);
    expect(spec('NetworkPolicy').podSelector.matchLabels).toEqual(labels);
  });

  test('name ports that the container has, and the headless Service has the port that discovery asks for', () => {
    expect([String(portOf('mesh')), String(portOf('http'))]).toEqual([valueOf('MESH_PORT'), valueOf('HTTP_PORT')]);
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) expect(portOf(probe.httpGet.port)).toBeDefined();
    const service = spec('Service');
    expect(service.clusterIP).toBe('None');
    // orders.mjs asks for _mesh._tcp.<service>.<domain>.
    expect(service.ports).toEqual([{ name: 'mesh', port: portOf('mesh'), targetPort: 'mesh', protocol: 'TCP' }]);
    expect(valueOf('MESH_DNS_DOMAIN')).toBe(`${byKind.get('Service')?.metadata.namespace}.svc.cluster.local`);
    for (const { ports } of spec('NetworkPolicy').ingress) for (const { port } of ports) expect(portOf(port)).toBeDefined();
    expect(spec('NetworkPolicy').egress.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual([portOf('mesh'), 53, 53]);
    expect(spec('PodMonitor').podMetricsEndpoints.map(({ port }) => portOf(port))).toEqual([portOf('http')]);
  });

  test('give the shutdown its time, and mount the identity where the program reads it', () => {
    const [, waitMs, timeoutMs] = /waitMs: ([\d_]+), timeoutMs: ([\d_]+)/.exec(text('orders.mjs'))?.map((digits) => Number(digits.replaceAll('_', ''))) ?? [];
    const { periodSeconds, failureThreshold } = container.readinessProbe;
    expect(waitMs).toBeGreaterThan(periodSeconds * failureThreshold * 1_000);
    expect(timeoutMs).toBeLessThan(spec('Deployment').template.spec.terminationGracePeriodSeconds * 1_000);
    expect(container.volumeMounts.map(({ mountPath }) => mountPath)).toEqual([valueOf('MESH_CERTS_DIR')]);
    // Every variable the program reads is set, and no other.
    const read = /const \{ (.*) \} = process\.env/.exec(text('orders.mjs'))?.[1]?.split(', ').map((name) => name.split(' ')[0]);
    expect(container.env.map(({ name }) => name).filter((name) => name !== 'NODE_ENV').sort()).toEqual(read?.sort());
  });
});

describe('the program', () => {
  const running: ExampleProcess[] = [];
  afterEach(() => running.splice(0).forEach((example) => example.clear()));

  const freePort = (): Promise<number> =>
    new Promise((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo;
        server.close(() => resolve(port));
      });
    });

  test('answers the probes and the scrape at the paths of the manifests, and ends on SIGTERM', async () => {
    const [file, port] = [container.command[1] as string, await freePort()];
    const example = new ExampleProcess(`kubernetes/${file}`, [], { MESH_PORT: '0', HTTP_PORT: String(port) });
    running.push(example);
    expect((await example.says(/calls on port (\d+), probes and metrics on port (\d+)/))[2]).toBe(String(port));
    const { startupProbe, livenessProbe, readinessProbe } = container;
    for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe]) {
      const answer = await fetch(`http://127.0.0.1:${port}${httpGet.path}`);
      expect([httpGet.path, answer.status, answer.headers.get('content-type')]).toEqual([httpGet.path, 200, 'application/health+json']);
    }
    const [endpoint] = spec('PodMonitor').podMetricsEndpoints;
    const scraped = await fetch(`http://127.0.0.1:${port}${endpoint.path}`);
    expect(scraped.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await scraped.text()).toContain('mesh_sessions{service="orders",direction="inbound"} 0');
    expect((await fetch(`http://127.0.0.1:${port}/nothing`)).status).toBe(404);
    example.kill('SIGTERM');
    let status = 200;
    while (status === 200) status = (await fetch(`http://127.0.0.1:${port}${readinessProbe.httpGet.path}`)).status;
    expect(status).toBe(503);
    expect((await fetch(`http://127.0.0.1:${port}${livenessProbe.httpGet.path}`)).status).toBe(200);
    expect(await example.ended).toEqual({ code: 0, signal: null });
  }, 60_000);
});
