import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import type { SecureMesh } from '../src/secure-mesh.js';
import { ContractServer, type ContractAnswer } from './support/contract-servers.js';
import { datadog, elasticsearch, pagerduty, type Vendor, type VendorServer } from './support/remote-vendors.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const CALLS = 100;

/** A mesh with the adapter, that calls another. What waits for the adapter is on disk, and outlives the mesh. */
async function meshWith(vendor: Vendor, adapter: ManagedAdapter, spill: string): Promise<TestMesh> {
  return bed.running({ serviceId: 'orders', monitoring: { adapters: [adapter], spill: { directory: spill }, retryDelayMs: 20 } });
}

const newSpill = (): string => mkdtempSync(join(bed.folder, 'spill-'));

/** Looks at the check once. */
async function look({ health }: SecureMesh): Promise<{ status: string; error: string | undefined }> {
  const result = await health.runCheck('audit');
  return { status: result?.status ?? 'none', error: result?.error };
}

/** Calls that notice nothing of it: they end while the sink has taken nothing. */
async function callsGoOn({ mesh }: TestMesh, { name }: Vendor): Promise<void> {
  const { mesh: payments } = await bed.running({ serviceId: 'payments' });
  payments.handle('pay', (input) => input);
  const client = mesh.connect('payments');
  for (let i = 0; i < CALLS; i++) expect(await client.call('pay', { i })).toEqual({ i });
  const { metrics, audit } = mesh.getStats();
  expect(metrics).toMatchObject({ messagesSent: CALLS, messagesFailed: 0 });
  // `audit.start` ends what PagerDuty was told of a process before: here nothing, and no call is made for it.
  expect(audit?.adapters.find(({ adapter }) => adapter === name)?.delivered).toBeLessThanOrEqual(name === 'pagerduty' ? 1 : 0);
}

/**
 * The trouble shows in the check, which names the adapter, and not in the status of the mesh.
 * @param waits whether the events wait for better times: else they become dead letters, and a look at the check that finds new ones says `unhealthy`
 */
async function shows(made: TestMesh, { name }: Vendor, waits: boolean): Promise<void> {
  const { mesh } = made;
  let last = await look(mesh);
  const seen = new Set([last.status]);
  await until('the audit check is degraded', async () => (seen.add((last = await look(mesh)).status), last.status === 'degraded'));
  if (waits) expect([...seen]).not.toContain('unhealthy');
  expect(last.error).toMatch(new RegExp(`^${name} (takes nothing|refused what it got last|is \\d+ s behind)`));
  const { status, details } = await mesh.healthCheck();
  expect([status, details.checks['audit']?.status]).toEqual(['healthy', 'degraded']);
  expect(mesh.getStats().audit?.adapters.find(({ adapter }) => adapter === name)?.failures).toBeGreaterThan(0);
  // Said, and not for each of many events and tries.
  await until('the log says it', () => ofAdapter(made, name).length > 0);
  expect(ofAdapter(made, name).length).toBeLessThanOrEqual(3);
  expect(JSON.stringify([made.log, details, mesh.getStats()])).not.toContain(datadog.key);
}

const ofAdapter = ({ log }: TestMesh, name: string): string[] => log.filter((line) => /^(warn|error)/.test(line) && (line.includes(`audit adapter ${name} `) || (name === 'pagerduty' && line.includes('PagerDuty'))));

async function isHealthyAgain(mesh: SecureMesh, arrived: () => boolean): Promise<void> {
  await until('the sink has what was recorded', arrived, 20_000);
  await until('the audit check is healthy', async () => (await look(mesh)).status === 'healthy', 20_000);
}

/** A server that answers everything with the same. */
const answering = async (answer: ContractAnswer): Promise<ContractServer> => bed.closing(closable(await new ContractServer({ handle: () => answer, refuse: (status, headers) => ({ status, headers }) }).start()));
const closable = <Server extends VendorServer>(server: Server): Server & { close(): Promise<void> } => Object.assign(server, { close: () => server.stop() });

describe.each([elasticsearch, datadog, pagerduty])('$name', (vendor) => {
  const started = async (tls?: { key: string; cert: string }): Promise<VendorServer> => bed.closing(closable(await vendor.start(tls)));

  /** One mesh whose adapter is wrong, and one with the right one in its place. */
  async function isMendedByAnother(wrong: ManagedAdapter, right: ManagedAdapter, server: VendorServer, waits: boolean): Promise<void> {
    const spill = newSpill();
    const first = await meshWith(vendor, wrong, spill);
    first.mesh.audit.record(vendor.event(1));
    await callsGoOn(first, vendor);
    await shows(first, vendor, waits);
    await first.mesh.cleanup();

    const second = await meshWith(vendor, right, spill);
    second.mesh.audit.record(vendor.event(2));
    await isHealthyAgain(second.mesh, () => vendor.has(server, 2) && (!waits || vendor.has(server, 1)));
    expect(ofAdapter(second, vendor.name)).toEqual([]);
  }

  test('nobody listens there: what waits is delivered once somebody does', async () => {
    const server = await started();
    await server.down();
    const made = await meshWith(vendor, vendor.adapter(server.url), newSpill());
    made.mesh.audit.record(vendor.event(1));
    await callsGoOn(made, vendor);
    await shows(made, vendor, true);
    await server.up();
    await isHealthyAgain(made.mesh, () => vendor.has(server, 1));
  });

  test('the key is wrong', async () => {
    const server = await started();
    await isMendedByAnother(vendor.adapter(server.url, vendor.wrongKey), vendor.adapter(server.url), server, true);
  });

  test.each(['401', '403'])('the answer is %s, until the key is let in', async (status) => {
    const server = await started();
    server.faults.failNext(status, { count: Infinity });
    const made = await meshWith(vendor, vendor.adapter(server.url), newSpill());
    made.mesh.audit.record(vendor.event(1));
    await callsGoOn(made, vendor);
    await shows(made, vendor, true);
    server.faults.clear();
    await isHealthyAgain(made.mesh, () => vendor.has(server, 1));
  });

  test('the URL is that of something else: 404', async () => {
    const server = await started();
    const other = await answering({ status: 404, body: 'no such page' });
    await isMendedByAnother(vendor.adapter(other.url), vendor.adapter(server.url), server, true);
  });

  test('the URL is that of something else: a page for people', async () => {
    const server = await started();
    const other = await answering({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>It works!</html>' });
    await isMendedByAnother(vendor.adapter(other.url), vendor.adapter(server.url), server, false);
  });

  test('a redirect is not followed', async () => {
    const server = await started();
    const other = await answering({ status: 302, headers: { location: server.url } });
    const made = await meshWith(vendor, vendor.adapter(other.url), newSpill());
    made.mesh.audit.record(vendor.event(1));
    await callsGoOn(made, vendor);
    await shows(made, vendor, true);
    expect([server.requests, other.requests > 0]).toEqual([0, true]);
  });

  test('the name is none: what waits is delivered by the next process', async () => {
    const server = await started();
    await isMendedByAnother(vendor.adapter('https://sink.invalid'), vendor.adapter(server.url), server, true);
  });

  test('the certificate is not trusted, until its CA is', async () => {
    const [key, cert] = [join(bed.folder, 'tls-key.pem'), join(bed.folder, 'tls-cert.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=sink', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
    const server = await started(tls);
    await isMendedByAnother(vendor.adapter(server.url), vendor.adapter(server.url, vendor.key, tls.cert), server, true);
  });
});
