import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { verifyAuditLog } from '@lemur-bookstores/mesh-log';
import { FileAdapter } from '../src/file-adapter.js';
import { allOf, contextOf, eventOf, fileAdapter, segmentsIn, temporaryDirectory } from './support/support.js';

describe('a file adapter', () => {
  test('keeps events as they are, in order, in a log that verifies', async () => {
    const directory = join(temporaryDirectory(), 'logs');
    const adapter = fileAdapter(directory);
    await adapter.start(contextOf());
    const events = Array.from({ length: 5 }, () => eventOf());
    await adapter.logEvent(events[0]!);
    await adapter.logEvents(events.slice(1), { signal: new AbortController().signal });
    expect(adapter.directory).toBe(join(directory, 'order-service'));
    expect(adapter.origin).toMatch(/^secure-stack-mesh\/order-service\/[0-9a-f]{16}$/);
    expect(await allOf(adapter.query())).toEqual(events);
    await adapter.close();
    const lines = readFileSync(join(directory, 'order-service', 'audit-00000001.jsonl'), 'utf8').split('\n');
    for (const event of events) expect(lines.filter((line) => line.endsWith(`,${JSON.stringify(event).slice(1)}`))).toHaveLength(1);
    const { status, logs } = await verifyAuditLog(directory, { publicKey: adapter.publicKey as string });
    expect([status, logs[0]?.notAuthenticated, logs[0]?.clean]).toEqual(['authentic', [], true]);
  });

  test('works without start(): the first event names the service, keys come from the default folder', async () => {
    const directory = temporaryDirectory();
    const keysDir = temporaryDirectory();
    process.env['MESH_KEYS_DIR'] = keysDir;
    try {
      const adapter = fileAdapter(directory, { signWith: undefined });
      await Promise.all([adapter.logEvent(eventOf({ serviceId: 'first' })), adapter.logEvent(eventOf({ serviceId: 'second' }))]);
      expect(adapter.directory).toBe(join(directory, 'first'));
      expect(readdirSync(join(keysDir, 'audit'))).toEqual(['log-key-000001.pem']);
      expect((await allOf(adapter.query())).map(({ serviceId }) => serviceId)).toEqual(['first', 'second']);
    } finally {
      delete process.env['MESH_KEYS_DIR'];
    }
  });

  test("signs with the mesh's keys, in audit/ of its folder", async () => {
    const context = contextOf();
    const adapter = fileAdapter(temporaryDirectory(), { signWith: undefined });
    await adapter.start(context);
    expect(readdirSync(join(context.paths.keysDir, 'audit'))).toEqual(['log-key-000001.pem']);
  });

  test('does no I/O until it is needed', async () => {
    const directory = join(temporaryDirectory(), 'none');
    const adapter = fileAdapter(directory);
    await adapter.flush();
    expect(await allOf(adapter.query())).toEqual([]);
    await adapter.logEvents([], { signal: new AbortController().signal });
    await adapter.close();
    expect([adapter.directory, adapter.origin, adapter.publicKey]).toEqual([undefined, undefined, undefined]);
    expect(() => statSync(directory)).toThrow(/ENOENT/);
  });

  test('goes on with its log after a restart, under the same origin', async () => {
    const directory = temporaryDirectory();
    const origins = new Set<string | undefined>();
    for (let run = 0; run < 3; run++) {
      const adapter = fileAdapter(directory);
      await adapter.logEvent(eventOf());
      origins.add(adapter.origin);
      await adapter.close();
    }
    expect(origins.size).toBe(1);
    expect(segmentsIn(join(directory, 'order-service'))).toHaveLength(1);
    expect(await allOf(new FileAdapter(directory).query())).toHaveLength(3);
  });

  test('after close() refuses for good; closing twice does no harm', async () => {
    const adapter = fileAdapter(temporaryDirectory());
    const last = adapter.logEvent(eventOf());
    const closing = [adapter.close(), adapter.close()];
    await Promise.all([last, ...closing]);
    const signal = new AbortController().signal;
    for (const use of [adapter.logEvent(eventOf()), adapter.logEvents([eventOf()], { signal }), adapter.logEvents([], { signal }), adapter.start(contextOf())]) {
      await expect(use).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false });
      await use.catch((error: unknown) => expect(MeshError.is(error)).toBe(true));
    }
    await adapter.flush();
    expect(await allOf(adapter.query())).toHaveLength(1);
  });
});
