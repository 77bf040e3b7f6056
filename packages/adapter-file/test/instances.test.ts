import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { verifyAuditLog } from '@lemur-bookstores/mesh-log';
import type { FileAdapter } from '../src/file-adapter.js';
import { allOf, collectingLogger, eventOf, fileAdapter, temporaryDirectory } from './support/support.js';

const publicKeys = (adapters: readonly FileAdapter[]): string[] => adapters.map(({ publicKey }) => publicKey as string);

test('a second instance of a service has a log of its own beside the first, under another origin, and each keeps its own', async () => {
  const directory = temporaryDirectory();
  const origins: (string | undefined)[][] = [];
  for (let run = 0; run < 2; run++) {
    const adapters = [fileAdapter(directory), fileAdapter(directory)] as const;
    for (const adapter of adapters) await adapter.logEvent(eventOf());
    expect(adapters.map((adapter) => adapter.directory)).toEqual([join(directory, 'order-service'), join(directory, 'order-service-2')]);
    origins.push(adapters.map(({ origin }) => origin));
    for (const adapter of adapters) await adapter.close();
    const { status, logs } = await verifyAuditLog(directory, { publicKey: publicKeys(adapters) });
    expect([status, logs.map(({ clean }) => clean)]).toEqual(['authentic', [true, true]]);
    expect(await allOf(adapters[0].query())).toHaveLength(2 * (run + 1));
  }
  expect(origins[1]).toEqual(origins[0]);
  expect(origins[0]?.[0]).not.toBe(origins[0]?.[1]);
});

test('of instances that come at once, none writes into the log of another', async () => {
  const directory = temporaryDirectory();
  const adapters = Array.from({ length: 6 }, () => fileAdapter(directory));
  await Promise.all(adapters.map((adapter) => adapter.logEvents([eventOf(), eventOf()])));
  expect(adapters.map((adapter) => adapter.directory).sort()).toEqual(['', '-2', '-3', '-4', '-5', '-6'].map((suffix) => join(directory, `order-service${suffix}`)));
  for (const adapter of adapters) await adapter.close();
  expect((await verifyAuditLog(directory, { publicKey: publicKeys(adapters) })).status).toBe('authentic');
  expect(await allOf(adapters[0]!.query())).toHaveLength(12);
});

test("a service that is called as a second instance's folder takes another, and says so", async () => {
  const directory = temporaryDirectory();
  const instances = [fileAdapter(directory), fileAdapter(directory)];
  for (const adapter of instances) await adapter.logEvent(eventOf());
  for (const adapter of instances) await adapter.close();
  const logger = collectingLogger();
  const other = fileAdapter(directory, { logger });
  await other.logEvent(eventOf({ serviceId: 'order-service-2' }));
  expect(other.directory).toBe(join(directory, 'order-service-2-2'));
  expect(logger.said).toEqual([expect.stringMatching(/^warn: .*holds another log/)]);
  await other.close();
  expect((await verifyAuditLog(directory, { publicKey: publicKeys([...instances, other]) })).status).toBe('authentic');
});

test('an origin of the user\'s own is kept, with the instance behind it', async () => {
  const directory = temporaryDirectory();
  const adapters = [fileAdapter(directory, { origin: 'example.org/orders' }), fileAdapter(directory, { origin: 'example.org/orders' })];
  for (const adapter of adapters) await adapter.logEvent(eventOf());
  expect(adapters.map(({ origin }) => origin)).toEqual(['example.org/orders', 'example.org/orders-2']);
});

test('folders are for the user alone, and so are files', async () => {
  const directory = join(temporaryDirectory(), 'new', 'logs');
  const keys = join(temporaryDirectory(), 'keys');
  const before = process.umask(0);
  try {
    const adapter = fileAdapter(directory, { signWith: keys, compress: true, rotation: { maxBytes: 4096 } });
    for (let index = 0; index < 30; index++) await adapter.logEvent(eventOf());
    await adapter.close();
  } finally {
    process.umask(before);
  }
  const mode = (path: string): number => statSync(path).mode & 0o777;
  for (const folder of [directory, join(directory, 'order-service'), join(keys, 'audit')]) {
    expect([folder, mode(folder)]).toEqual([folder, 0o700]);
    for (const name of readdirSync(folder)) if (lstatSync(join(folder, name)).isFile()) expect([name, mode(join(folder, name))]).toEqual([name, 0o600]);
  }
  expect(readdirSync(join(directory, 'order-service')).length).toBeGreaterThan(2);
});
