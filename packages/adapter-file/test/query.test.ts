import { beforeAll, describe, expect, test } from '@jest/globals';
import type { AuditQuery, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { FileAdapter } from '../src/file-adapter.js';
import { allOf, eventOf, fileAdapter, segmentsIn, temporaryDirectory, until } from './support/support.js';

const START = Date.UTC(2026, 0, 1);
const EVENTS: readonly MeshAuditEvent[] = Array.from({ length: 120 }, (_, index) =>
  eventOf({
    sequence: index,
    timestamp: new Date(START + index * 1000),
    eventType: index % 2 === 0 ? 'message' : 'connection',
    serviceId: index % 4 === 0 ? 'other-service' : 'order-service',
    details: { action: index % 5 === 0 ? 'y' : 'x', success: index % 3 !== 0, metadata: { padding: 'x'.repeat(100) } },
  }),
);

describe('a query', () => {
  const directory = temporaryDirectory();
  let reader: FileAdapter;

  beforeAll(async () => {
    const writer = fileAdapter(directory, { rotation: { maxBytes: 8192 }, compress: true });
    for (let from = 0; from < EVENTS.length; from += 10) await writer.logEvents(EVENTS.slice(from, from + 10));
    await until('closed segments are compressed', () => segmentsIn(writer.directory).filter((name) => !name.endsWith('.gz')).length === 1);
    expect(segmentsIn(writer.directory).length).toBeGreaterThan(4);
    await writer.close();
  });

  test.each<[string, AuditQuery, (event: MeshAuditEvent, index: number) => boolean]>([
    ['nothing: all', {}, () => true],
    ['since, inclusive', { since: new Date(START + 90_000) }, (_event, index) => index >= 90],
    ['until, exclusive', { until: new Date(START + 7000) }, (_event, index) => index < 7],
    ['both', { since: new Date(START + 30_000), until: new Date(START + 35_000) }, (_event, index) => index >= 30 && index < 35],
    ['a type', { eventType: 'connection' }, ({ eventType }) => eventType === 'connection'],
    ['a service', { serviceId: 'other-service' }, ({ serviceId }) => serviceId === 'other-service'],
    ['an action', { action: 'y' }, (_event, index) => index % 5 === 0],
    ['failures', { success: false }, ({ details }) => !details.success],
    ['successes', { success: true }, ({ details }) => details.success],
    ['a limit', { limit: 13 }, (_event, index) => index < 13],
    ['a limit of 0', { limit: 0 }, () => false],
    ['everything at once', { since: new Date(START + 10_000), eventType: 'message', serviceId: 'order-service', success: true, limit: 4 }, (_event, index) => [10, 14, 22, 26].includes(index)],
    ['members that are undefined', { since: undefined, limit: undefined, eventType: undefined, success: undefined }, () => true],
  ])('by %s gives what fits, as it was logged', async (_what, filter, fits) => {
    reader = fileAdapter(directory);
    expect(await allOf(reader.query(filter))).toEqual(EVENTS.filter(fits));
    expect(reader.directory).toBeUndefined();
  });

  test('streams: who stops early reads no further, and leaves no file open', async () => {
    let open = 0;
    const { nodeFileSystem } = await import('@lemur-bookstores/mesh-log');
    const opened: string[] = [];
    reader = fileAdapter(directory, {
      fileSystem: {
        ...nodeFileSystem,
        open: async (path, access) => {
          const file = await nodeFileSystem.open(path, access);
          open += 1;
          opened.push(path);
          return { write: (bytes, at) => file.write(bytes, at), read: (into, at) => file.read(into, at), status: () => file.status(), truncate: (size) => file.truncate(size), syncData: () => file.syncData(), sync: () => file.sync(), close: async () => (await file.close(), void (open -= 1)) };
        },
      },
    });
    for await (const event of reader.query()) {
      expect(event).toEqual(EVENTS[0]);
      break;
    }
    expect(open).toBe(0);
    // Each segment's beginning is looked at; only the first is read.
    expect(new Set(opened).size).toBe(opened.length - 1);
  });

  test.each([
    ['since', { since: new Date(Number.NaN) }],
    ['until', { until: '2026-01-01' }],
    ['eventType', { eventType: 'connections' }],
    ['serviceId', { serviceId: 1 }],
    ['action', { action: 1 }],
    ['success', { success: 'false' }],
    ['limit', { limit: -1 }],
    ['limit', { limit: Number.NaN }],
    ['service', { service: 'order-service' }],
  ])('with a wrong %s is refused at once: an empty answer would look like an empty trail', (path, filter) => {
    expect(() => fileAdapter(directory).query(filter as AuditQuery)).toThrow(new RegExp(`^invalid_option: ${path}:`));
  });
});

test('a query while the log is written gives everything acknowledged before it, whole and in order', async () => {
  const adapter = fileAdapter(temporaryDirectory(), { rotation: { maxBytes: 8192 }, compress: true });
  let acknowledged = 0;
  let writing = true;
  const writer = (async () => {
    for (let sequence = 0; writing; sequence++) {
      await adapter.logEvent(eventOf({ sequence }));
      acknowledged = sequence + 1;
    }
  })();
  for (let round = 0; round < 20; round++) {
    const before = acknowledged;
    const found = (await allOf(adapter.query())).map(({ sequence }) => sequence);
    expect(found.length).toBeGreaterThanOrEqual(before);
    expect(found).toEqual(Array.from({ length: found.length }, (_, index) => index));
  }
  writing = false;
  await writer;
});
