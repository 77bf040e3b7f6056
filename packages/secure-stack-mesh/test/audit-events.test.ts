import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { FileAdapter } from '@lemur-bookstores/adapter-file';
import { SamplingAdapter } from '@lemur-bookstores/mesh-audit';
import { FakeClock, MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { CircuitBreaker, RateLimiter } from '@lemur-bookstores/mesh-resilience';
import type { SecureMeshOptions } from '../src/options.js';
import { documentedEvents, type End } from './support/audit-events-doc.js';
import { TestAuthority } from './support/authority.js';
import { RecordingAdapter } from './support/recording-adapter.js';
import { onMessages, TcpProxy, type Direction } from './support/tcp-proxy.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterAll(() => bed.remove());

const documented = documentedEvents(new URL('../../../', import.meta.url));

/** What two meshes, one of which dials the other, wrote into their trails while everything that can happen to them did. */
const trails: Record<End, readonly MeshAuditEvent[]> = { dialler: [], acceptor: [] };

/** Everything, in an order in which each step finds what it needs. */
async function driveThroughEverything(): Promise<Record<End, readonly MeshAuditEvent[]>> {
  const [ofServer, ofClient] = [new TestAuthority(bed.folder), new TestAuthority(bed.folder)];
  const both = `${ofServer.certPem}${ofClient.certPem}`;
  const [serverFiles, clientFiles] = [await ofServer.files('payments'), await ofClient.files('orders')];
  for (const { caFile } of [serverFiles, clientFiles]) writeFileSync(caFile, both);

  const server = bed.mesh({ serviceId: 'payments', host: '127.0.0.1', identity: serverFiles });
  server.mesh.handle('pay', (input) => input);
  server.mesh.handle('break', () => {
    throw new Error('inside');
  });
  server.mesh.handle('refund', () => {
    throw new MeshError('permission_denied', 'only billing may');
  });
  await server.mesh.initialize();
  let tampering: Direction | undefined;
  const proxy = bed.closing(
    await TcpProxy.to(
      server.mesh.port as number,
      onMessages((direction, _index, message) => {
        if (direction !== tampering) return [message];
        tampering = undefined;
        return [Buffer.concat([message.subarray(0, -1), Buffer.of((message.at(-1) as number) ^ 1)])];
      }),
    ),
  );
  const client = await bed.running({
    serviceId: 'orders',
    host: '127.0.0.1',
    identity: clientFiles,
    discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: proxy.port }] },
    resilience: { backoff: { initialMs: 1, maxMs: 20 } },
  });
  const calls = client.mesh.connect('payments');
  const failed = (method: string): Promise<unknown> => calls.call(method, {}).then(() => Promise.reject(new Error(`${method} succeeded`)), () => undefined);
  const opened = (times: number): Promise<void> => until(`session ${times} stands`, () => [client, server].every(({ audit }) => audit.having('connection.open').length === times));

  await calls.call('pay', {});
  for (const method of ['break', 'refund', 'refund', 'nobody-has-this']) await failed(method);

  proxy.links[0]?.cut();
  await opened(2);
  tampering = 'toServer';
  await failed('pay');
  await opened(3);
  tampering = 'toClient';
  await failed('pay');
  await opened(4);

  for (const { audit, files, authority, id } of [
    { audit: server.audit, files: serverFiles, authority: ofServer, id: 'payments' },
    { audit: client.audit, files: clientFiles, authority: ofClient, id: 'orders' },
  ]) {
    writeFileSync(files.certFile, 'no certificate');
    await audit.waitFor('identity.refused');
    await authority.files(id, {}, files.certFile.slice(0, files.certFile.lastIndexOf('/')));
    writeFileSync(files.caFile, both);
    await audit.waitFor('identity.changed');
  }

  // The dialler trusts the acceptor no more, and does so again; then the other way round.
  writeFileSync(clientFiles.caFile, ofClient.certPem);
  await client.audit.waitFor('auth.failed');
  await server.audit.waitFor('connection.refused');
  writeFileSync(clientFiles.caFile, both);
  await opened(5);
  writeFileSync(serverFiles.caFile, ofServer.certPem);
  await server.audit.waitFor('auth.failed');
  await client.audit.waitFor('connection.failed');

  await client.mesh.cleanup();
  await server.mesh.cleanup();
  return { dialler: client.audit.events, acceptor: server.audit.events };
}

/** Two meshes that do nothing before the trail has it. */
async function failClosed(): Promise<Record<End, readonly MeshAuditEvent[]>> {
  const monitoring = { delivery: { message: 'fail-closed', connection: 'fail-closed', system: 'fail-closed', key_rotation: 'fail-closed' } } as const;
  const server = bed.mesh({ serviceId: 'strict-payments', monitoring });
  server.mesh.handle('pay', (input) => input);
  await server.mesh.initialize();
  const client = await bed.running({ serviceId: 'strict-orders', monitoring });
  await client.mesh.connect('strict-payments').call('pay', {});
  await client.mesh.cleanup();
  await server.mesh.cleanup();
  return { dialler: client.audit.events, acceptor: server.audit.events };
}

/** Two meshes whose keys change once; then one end does not do its part in time, and the other gives up. */
async function rotated(unwilling: End): Promise<Record<End, readonly MeshAuditEvent[]>> {
  const clock = new FakeClock(Date.now());
  const HOUR_MS = 3_600_000;
  // It takes its time between two changes, as far as an option goes: longer than the other waits.
  const of = (end: End): Partial<SecureMeshOptions> => ({
    clock,
    limits: { idlePingMs: 10 * HOUR_MS },
    rotation: end === unwilling ? { interval: 2 * HOUR_MS, minIntervalMs: 10 * HOUR_MS } : { interval: HOUR_MS, minIntervalMs: 0 },
  });
  const server = bed.mesh({ serviceId: `rotated-payments-${unwilling}`, ...of('acceptor') });
  server.mesh.handle('pay', (input) => input);
  await server.mesh.initialize();
  const client = await bed.running({ serviceId: `rotated-orders-${unwilling}`, ...of('dialler') });
  await client.mesh.connect(`rotated-payments-${unwilling}`).call('pay', {});
  const willing = unwilling === 'acceptor' ? client : server;
  await clock.advance(HOUR_MS);
  for (const { audit } of [client, server]) await audit.waitFor('key.rotated');
  await clock.advance(HOUR_MS);
  await clock.advance(30_000);
  await willing.audit.waitFor('key.rotation_failed');
  for (const { audit } of [client, server]) await audit.waitFor('key.retired');
  await client.mesh.cleanup();
  await server.mesh.cleanup();
  return { dialler: client.audit.events, acceptor: server.audit.events };
}

/** Two meshes that keep calls back: a breaker at the dialler, a rate limit at the acceptor. */
async function keptBack(): Promise<Record<End, readonly MeshAuditEvent[]>> {
  const server = bed.mesh({ serviceId: 'limited-payments' });
  const limiter = new RateLimiter({ maxRequests: 1_000, windowMs: 1_000, methods: { pay: { maxRequests: 1, windowMs: 3_600_000 } }, audit: server.mesh.audit });
  server.mesh.use(limiter.interceptor);
  server.mesh.handle('pay', (input) => input);
  server.mesh.handle('break', () => {
    throw new Error('inside');
  });
  await server.mesh.initialize();
  const client = await bed.running({ serviceId: 'limited-orders' });
  const breaker = new CircuitBreaker({ failureThreshold: 1, successThreshold: 1, timeout: 1, audit: client.mesh.audit });
  client.mesh.use(breaker.interceptor);
  const calls = client.mesh.connect('limited-payments');
  const call = (method: string): Promise<unknown> => calls.call(method, {}).catch(() => undefined);
  await call('break');
  await until('a probe may be made', () => breaker.breakerOf('limited-payments').isReady());
  for (let i = 0; i < 4; i++) await call('pay');
  limiter.flush();
  await client.mesh.cleanup();
  await server.mesh.cleanup();
  return { dialler: client.audit.events, acceptor: server.audit.events };
}

/** An adapter that takes nothing until it is let go. */
class Stuck {
  readonly events: MeshAuditEvent[] = [];
  letGo: () => void = () => {};
  readonly #free = new Promise<void>((resolve) => (this.letGo = resolve));

  async logEvent(event: MeshAuditEvent): Promise<void> {
    await this.#free;
    this.events.push(event);
  }
}

/** A mesh that warns of its own trust domain, and whose adapters leave something out: what any of them was told, each event once. */
async function alone(): Promise<readonly MeshAuditEvent[]> {
  const [sampled, stuck] = [new RecordingAdapter(), new Stuck()];
  const adapters = [new FileAdapter(join(bed.folder, 'trail')), new SamplingAdapter(sampled, { rate: 0 }), stuck];
  // Within the last fifth of its certificate's life.
  const late = await bed.running({ serviceId: 'late', host: '127.0.0.1', identity: await new TestAuthority(bed.folder).files('late', { issuedInMs: -9 * 3_600_000, ttlMs: 10 * 3_600_000 }) });
  await late.mesh.cleanup();
  const before = process.env['NODE_ENV'];
  process.env['NODE_ENV'] = 'production';
  try {
    const { mesh, audit } = await bed.running({ serviceId: 'alone', identity: { local: true }, admin: { port: 0 }, monitoring: { adapters, laneEvents: 20 } });
    for (let i = 0; i < 100; i++) {
      mesh.audit.record({ eventType: 'message', details: { action: 'message.sent', success: true, duration: 1, metadata: { direction: 'outbound', method: 'pay' } }, targetServiceId: 'nobody' });
      await new Promise((resolve) => setImmediate(resolve));
    }
    let status: 'unhealthy' | 'healthy' = 'unhealthy';
    mesh.health.registerCheck({ name: 'database', check: () => ({ status, timestamp: new Date() }) });
    await mesh.health.runChecks();
    status = 'healthy';
    await mesh.health.runChecks();
    for (const path of ['stats', 'keys/rotate']) await fetch(`http://127.0.0.1:${mesh.adminPort}/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
    stuck.letGo();
    await mesh.cleanup();
    return [...new Map([...audit.events, ...sampled.events, ...stuck.events, ...late.audit.events].map((event) => [event.id, event])).values()].filter(({ eventType }) => eventType !== 'message' && eventType !== 'connection');
  } finally {
    process.env['NODE_ENV'] = before;
  }
}

beforeAll(async () => {
  const { dialler, acceptor } = await driveThroughEverything();
  const strict = await failClosed();
  const [spentAtDialler, spentAtAcceptor] = [await rotated('acceptor'), await rotated('dialler')];
  const limited = await keptBack();
  const byItself = await alone();
  trails.dialler = [...dialler, ...strict.dialler, ...spentAtDialler.dialler, ...spentAtAcceptor.dialler, ...limited.dialler, ...byItself];
  trails.acceptor = [...acceptor, ...strict.acceptor, ...spentAtDialler.acceptor, ...spentAtAcceptor.acceptor, ...limited.acceptor, ...byItself];
}, 60_000);
afterEach(() => bed.close());

const ENDS: readonly End[] = ['dialler', 'acceptor'];
const having = (end: End, action: string): MeshAuditEvent[] => trails[end].filter(({ details }) => details.action === action);

describe('what is emitted is what docs/audit-events.md says', () => {
  test.each(documented.map((entry) => [entry.action, entry] as const))('%s: at the ends it says, with the fields it says', (action, entry) => {
    const { eventType, at, success, metadata, onlyOf, counted, hasTarget, hasDuration } = entry;
    expect(ENDS.filter((end) => having(end, action).length > 0)).toEqual(at[0] === 'each' ? ENDS : at);
    for (const end of ENDS) {
      for (const event of having(end, action)) {
        const { details } = event;
        expect([event.eventType, details.success]).toEqual([eventType, success === 'true']);
        const keyType = details.metadata?.['keyType'];
        expect(Object.keys(details.metadata ?? {}).sort()).toEqual(metadata.filter((name) => onlyOf[name] === undefined || onlyOf[name] === keyType).sort());
        expect(event.targetServiceId !== undefined).toBe(hasTarget[end] === 'session keys' ? keyType === 'session' : hasTarget[end]);
        expect(details.duration !== undefined).toBe(hasDuration[end]);
        expect(details.messageCount !== undefined).toBe(counted);
        expect(details.error !== undefined).toBe(success === 'false');
        if (details.metadata?.['direction'] !== undefined) expect(details.metadata['direction']).toBe(end === 'dialler' ? 'outbound' : 'inbound');
      }
    }
  });

  test('nothing else is emitted', () => {
    const known = new Set(documented.map(({ action }) => action));
    expect(ENDS.flatMap((end) => trails[end]).filter(({ details }) => !known.has(details.action))).toEqual([]);
  });

  test.each(ENDS)('in the trail of the %s numbers have no gap, and what happened stands in its order', (end) => {
    const events = trails[end].filter(({ serviceId }) => serviceId === 'payments' || serviceId === 'orders');
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_event, index) => index + 1));
    const actions = events.map(({ details }) => details.action).filter((action) => !action.startsWith('audit.'));
    expect([actions[0], actions.at(-1)]).toEqual(['system.start', 'system.stop']);
    const sessions = actions.filter((action) => action === 'connection.open').length;
    const ends = actions.filter((action) => ['connection.close', 'connection.truncated', 'session.failed'].includes(action)).length;
    const keys = ['key.activated', 'key.retired'].map((action) => events.filter(({ details }) => details.action === action).map(({ details }) => details.metadata?.['keyType']));
    expect([sessions, ends]).toEqual([5, 5]);
    for (const types of keys) expect(['session', 'static', 'certificate'].map((wanted) => types.filter((type) => type === wanted).length)).toEqual([5, 1, 1]);
  });
});
