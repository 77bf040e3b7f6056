import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { MeshStats } from '@lemur-bookstores/mesh-interface';
import { SecureMesh } from '../src/secure-mesh.js';
import { ConsoleStandIn, ExpressStandIn, guideBlock, Intervals, runGuideBlock } from './support/guide.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
beforeAll(() => {
  process.env['MESH_KEYS_DIR'] = bed.paths.keysDir;
  process.env['MESH_RUNTIME_DIR'] = bed.paths.runtimeDir;
});
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** 'my-service' with a session to each of the two services that the guide's comment names. */
async function connected(): Promise<SecureMesh> {
  for (const serviceId of ['user-service', 'payment-service']) {
    const { mesh } = await bed.running({ serviceId });
    mesh.handle('work', (input) => input);
  }
  const { mesh } = await bed.running({ serviceId: 'my-service' });
  for (const serviceId of ['user-service', 'payment-service']) for (let i = 0; i < 10; i++) await mesh.connect(serviceId).call('work', { i });
  return mesh;
}

/** The shape of a value: its keys, and the type of what is at each. */
const shapeOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return [...new Set(value.map(shapeOf))];
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, shapeOf(entry)]));
};

test('Metrics Collection > Available Metrics: what is printed has the shape of the guide\'s comment', async () => {
  const block = guideBlock('Metrics Collection', 'Available Metrics');
  const console = new ConsoleStandIn();
  await runGuideBlock(block, { names: { mesh: await connected(), console } });
  const [[stats]] = console.lines as [[MeshStats]];

  const comment = [...block.matchAll(/^\/\/ (.*)$/gm)].map(([, line]) => (line as string).replace(/\/\/.*/, '')).join('\n');
  const documented = new Function(`return (${comment})`)() as MeshStats;
  // Fields may be added beside these, none renamed: `audit` was.
  const { audit, ...rest } = stats;
  expect(audit).toBeDefined();
  expect(shapeOf(rest)).toEqual(shapeOf(documented));
  expect(rest).toEqual({
    service: 'my-service',
    sessions: { activeSessions: 2 },
    connectedServices: ['payment-service', 'user-service'],
    metrics: {
      messagesSent: 20,
      messagesFailed: 0,
      messagesReceived: 0,
      connectionsSuccessful: 2,
      connectionsFailed: 0,
      averageLatency: expect.any(Number),
      circuitBreakerState: 'closed',
    },
  });
  expect(stats.metrics.averageLatency).toBeGreaterThan(0);
  expect(JSON.parse(JSON.stringify(stats))).toEqual(stats);
});

test('Use Cases > Prometheus Integration: the endpoint answers', async () => {
  const app = new ExpressStandIn();
  const { mesh } = (await runGuideBlock(guideBlock('Metrics Collection', 'Use Cases', 'Prometheus Integration'), {
    modules: { express: () => app, 'prom-client': { register: { contentType: 'text/plain; version=0.0.4', metrics: () => 'up 1' } } },
    names: { SecureMesh },
    wanted: ['mesh'],
  })) as { mesh: SecureMesh };
  bed.closing(mesh);
  expect(app.listening).toEqual([9090]);
  expect(await app.request('/metrics')).toMatchObject({ headers: { 'Content-Type': 'text/plain; version=0.0.4' }, body: 'up 1' });
});

test('Use Cases > Health Dashboard: shows status, services, checks and metrics', async () => {
  const intervals = new Intervals();
  const console = new ConsoleStandIn();
  const mesh = await connected();
  await runGuideBlock(guideBlock('Metrics Collection', 'Use Cases', 'Health Dashboard'), { names: { mesh, console, setInterval: intervals.setInterval } });
  expect(intervals.set.map(({ ms }) => ms)).toEqual([5000]);
  await intervals.set[0]?.callback();
  const healthy = expect.objectContaining({ status: 'healthy', timestamp: expect.any(Date) });
  expect(console.lines).toEqual([
    ['Service Health:', 'healthy'],
    ['Connected Services:', 2],
    ['Health Checks:', expect.objectContaining({ 'mesh-core': healthy, crypto: healthy, discovery: healthy })],
    ['Metrics:', expect.objectContaining({ messagesSent: 20, messagesFailed: 0 })],
  ]);
});

describe('Use Cases > Alerting', () => {
  const run = async (mesh: SecureMesh) => {
    const intervals = new Intervals();
    const sent: unknown[] = [];
    await runGuideBlock(guideBlock('Metrics Collection', 'Use Cases', 'Alerting'), {
      names: { mesh, setInterval: intervals.setInterval, alerting: { send: (alert: unknown) => Promise.resolve(void sent.push(alert)) } },
    });
    expect(intervals.set.map(({ ms }) => ms)).toEqual([60_000]);
    await intervals.set[0]?.callback();
    return { sent, again: intervals.set[0]?.callback };
  };

  test('is silent before the first call', async () => {
    const { mesh } = bed.mesh({ serviceId: 'my-service' });
    expect((await run(mesh)).sent).toEqual([]);
  });

  test('is silent while calls work, and speaks when more than 5 % fail', async () => {
    const mesh = await connected();
    const { sent, again } = await run(mesh);
    expect(sent).toEqual([]);
    for (let i = 0; i < 5; i++) await expect(mesh.connect('user-service').call('nothing', {})).rejects.toMatchObject({ reason: 'unknown_method' });
    await again?.();
    expect(sent).toEqual([{ severity: 'warning', message: 'High error rate: 20.00%', service: 'my-service' }]);
  });
});
