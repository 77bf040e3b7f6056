import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { FakeClock, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { LocalDiscovery } from '../../src/endpoint/local-discovery.js';
import { RecordingLogger } from '../support/nodes.js';
import { turns } from '../support/wire.js';

const node: ServiceNode = { id: 'orders', host: '127.0.0.1', port: 1, instanceId: 'i' };
let runtimeDir: string;
let clock: FakeClock;
let logger: RecordingLogger;
let discovery: LocalDiscovery;

beforeEach(() => {
  runtimeDir = mkdtempSync(join(tmpdir(), 'mesh-core-test-'));
  [clock, logger] = [new FakeClock(), new RecordingLogger()];
  discovery = new LocalDiscovery({ runtimeDir, clock, logger });
});
afterEach(async () => {
  chmodSync(runtimeDir, 0o700);
  await discovery.close();
  rmSync(runtimeDir, { recursive: true, force: true });
});

/** The upkeep is armed again only once it is done with the files. */
async function upkeep(): Promise<void> {
  await clock.advance(30_000);
  while (clock.pendingTimers === 0) await turns();
}

test('an entry that a cleaner took away is there again within 30 s, for as long as it is registered', async () => {
  await discovery.register(node);
  await upkeep();
  expect(await discovery.discover('orders')).toEqual([node]);
  rmSync(join(runtimeDir, 'registry'), { recursive: true });
  await clock.advance(29_999);
  expect(await discovery.discover('orders')).toEqual([]);
  await clock.advance(1);
  while (clock.pendingTimers === 0) await turns();
  expect(await discovery.discover('orders')).toEqual([node]);
  await discovery.deregister(node);
  expect([await discovery.discover('orders'), clock.pendingTimers]).toEqual([[], 0]);
});

test('it ends with the discovery', async () => {
  await discovery.register(node);
  await discovery.close();
  expect(clock.pendingTimers).toBe(0);
});

test('where it cannot be, that is said once, and it is tried again', async () => {
  await discovery.register(node);
  rmSync(join(runtimeDir, 'registry'), { recursive: true });
  chmodSync(runtimeDir, 0o755);
  for (let i = 0; i < 3; i++) await upkeep();
  expect(logger.lines).toEqual([expect.stringContaining('cannot look after the own entries')]);
  chmodSync(runtimeDir, 0o700);
  await upkeep();
  expect(await discovery.discover('orders')).toEqual([node]);
});

test('a registry that cannot be read is said once for each trouble, not every second', async () => {
  const look = async (): Promise<void> => {
    await clock.advance(1_000);
    while (clock.pendingTimers === 0) await turns();
  };
  discovery.watch('orders', () => {});
  while (clock.pendingTimers === 0) await turns();
  chmodSync(runtimeDir, 0o755);
  for (let i = 0; i < 5; i++) await look();
  expect(logger.lines).toEqual([expect.stringContaining('mode 755')]);
  chmodSync(runtimeDir, 0o775);
  for (let i = 0; i < 5; i++) await look();
  expect(logger.lines).toEqual([expect.stringContaining('mode 755'), expect.stringContaining('mode 775')]);
  chmodSync(runtimeDir, 0o700);
  mkdirSync(join(runtimeDir, 'registry', 'orders'), { recursive: true });
  await look();
  chmodSync(runtimeDir, 0o775);
  await look();
  expect(logger.lines).toHaveLength(3);
});
