import { expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import { VERSION } from '../src/version.js';
import { eventOf, eventsOf } from './support/events.js';
import { adapterFor, API_KEY, serverWith } from './support/setting.js';

const { signal } = new AbortController();
const idsOf = (events: readonly { id: string }[]): string[] => events.map(({ id }) => id);

test('events arrive with what the options say, as the intake wants them', async () => {
  const server = await serverWith();
  const adapter = adapterFor(server, { env: 'Production', tags: { team: 'payments', 'cost.center': 'A 7' } });
  const events = eventsOf(3);
  await adapter.logEvents(events, { signal });
  expect(server.logs.map(({ event, service, hostname, ddtags }) => [event.id, service, hostname, ddtags])).toEqual(
    idsOf(events).map((id) => [id, 'order-service', 'host-1', 'env:production,team:payments,cost.center:a_7']));
  expect(server.log).toHaveLength(1);
  expect(server.log[0]?.headers).toMatchObject({ 'content-encoding': 'gzip', 'content-type': 'application/json', 'user-agent': `secure-stack-mesh-adapter-datadog/${VERSION} (node ${process.version})`, 'dd-api-key': API_KEY });
  expect(Object.values(server.losses).every((count) => count === 0)).toBe(true);
});

test('more events than a request takes go in several, in order', async () => {
  const server = await serverWith();
  const events = eventsOf(2_300);
  await adapterFor(server).logEvents(events, { signal });
  expect(server.requests).toBe(3);
  expect(idsOf(server.logs.map(({ event }) => event))).toEqual(idsOf(events));
});

test('more bytes than a request takes go in several', async () => {
  const server = await serverWith();
  const events = eventsOf(13, { metadata: { text: 'x'.repeat(900_000) } });
  await adapterFor(server).logEvents(events, { signal });
  // Five of 900 kB are 4.5 MB.
  expect(server.requests).toBe(3);
  expect([...server.ids.values()]).toEqual(events.map(() => 1));
});

test('no request is longer than Datadog takes, not by a little', async () => {
  const server = await serverWith();
  await adapterFor(server).logEvents(eventsOf(10, { metadata: { text: 'x'.repeat(505_000) } }), { signal });
  expect(server.requests).toBe(2);
  expect([...server.ids.values()]).toEqual(Array.from({ length: 10 }, () => 1));
});

test('an event that Datadog would cut without a word comes marked', async () => {
  const server = await serverWith();
  await adapterFor(server).logEvent(eventOf({ metadata: { text: '\u0001'.repeat(900_000) } }));
  expect(server.logs[0]).toMatchObject({ ddtags: 'mesh_truncated:true', mesh: { truncated: { parts: ['mesh.metadata.text'] } } });
  expect(server.losses['truncated']).toBe(0);
});

test('events of an outage of days arrive, with their own time', async () => {
  const server = await serverWith();
  const timestamp = new Date(Date.now() - 72 * 3_600_000);
  await adapterFor(server, { env: 'production' }).logEvents([eventOf({}, { timestamp }), eventOf()], { signal });
  expect(server.losses['late']).toBe(0);
  expect(server.logs.map(({ ddtags }) => ddtags)).toEqual(['env:production,mesh_timestamp:late', 'env:production']);
  expect(server.logs[0]?.event.created).toBe(timestamp.toISOString());
});

test('when the second of three parts fails, what comes again is sent but for the first', async () => {
  const server = await serverWith();
  const adapter = adapterFor(server);
  const events = eventsOf(2_500);
  const first = adapter.logEvents(events, { signal });
  server.faults.failNext('slow-body');
  server.faults.failNext('503');
  await expect(first).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true });
  expect(server.ids.size).toBe(1_000);
  await adapter.logEvents(events, { signal });
  expect(server.ids.size).toBe(2_500);
  expect(Math.max(...server.ids.values())).toBe(1);
  // They do not come again: what is delivered anew is sent anew.
  await adapter.logEvents(events.slice(0, 1), { signal });
  expect(server.ids.get(events[0]!.id)).toBe(2);
});

test('halves of a batch of which a part is stored are sent once, too', async () => {
  const server = await serverWith();
  const adapter = adapterFor(server);
  const events = eventsOf(1_400);
  server.faults.failNext('slow-body');
  server.faults.failNext('400');
  await expect(adapter.logEvents(events, { signal })).rejects.toMatchObject({ reason: 'sink_refused', retryable: false });
  await adapter.logEvents(events.slice(0, 700), { signal });
  await adapter.logEvents(events.slice(700), { signal });
  expect(server.ids.size).toBe(1_400);
  expect(Math.max(...server.ids.values())).toBe(1);
});

test('what a proxy says is too large is halved at once, as often as needed', async () => {
  const server = await serverWith({ limits: { logs: 3 } });
  const events = eventsOf(20);
  await adapterFor(server).logEvents(events, { signal });
  expect(idsOf(server.logs.map(({ event }) => event))).toEqual(idsOf(events));
  expect([...server.ids.values()]).toEqual(events.map(() => 1));
});

test('an event that is too large alone is refused for good, and the others are stored', async () => {
  const server = await serverWith({ limits: { logsBytes: 5_000 } });
  const adapter = adapterFor(server);
  const [before, large, after] = [eventsOf(3), eventOf({ metadata: { text: 'x'.repeat(6_000) } }), eventsOf(2)];
  const all = [...before, large, ...after];
  await expect(adapter.logEvents(all, { signal })).rejects.toMatchObject({ reason: 'sink_too_large', retryable: false, text: expect.stringContaining('413') });
  expect([...server.ids.keys()]).toEqual(idsOf([...before, ...after]));
  // As the lane goes on: halves, down to the one that is the reason.
  const { requests } = server;
  await adapter.logEvents(before, { signal });
  await expect(adapter.logEvents([large], { signal })).rejects.toMatchObject({ reason: 'sink_too_large' });
  await adapter.logEvents(after, { signal });
  expect(server.requests).toBe(requests);
  expect([...server.ids.values()]).toEqual([1, 1, 1, 1, 1]);
});

test('an event that was refused alone is tried again when it is brought again by hand', async () => {
  const server = await serverWith();
  const adapter = adapterFor(server);
  const event = eventOf();
  server.faults.failNext('413');
  await expect(adapter.logEvent(event)).rejects.toMatchObject({ reason: 'sink_too_large' });
  await adapter.logEvent(event);
  expect([...server.ids]).toEqual([[event.id, 1]]);
});

test('an event that is refused in the first of several requests is not forgotten over those that go well', async () => {
  const server = await serverWith({ limits: { logsBytes: 400_000 } });
  const events = eventsOf(1_001);
  await expect(adapterFor(server).logEvents([eventOf({ metadata: { text: 'x'.repeat(450_000) } }), ...events], { signal })).rejects.toMatchObject({ reason: 'sink_too_large', retryable: false });
  expect([...server.ids.keys()]).toEqual(idsOf(events));
});

test.each([
  ['400', { reason: 'sink_refused', retryable: false }],
  ['401', { reason: 'sink_unauthenticated', retryable: false, code: 'UNAUTHENTICATED' }],
  ['403', { reason: 'sink_unauthenticated', retryable: false }],
  ['408', { reason: 'adapter_failed', retryable: true }],
  ['413', { reason: 'sink_too_large', retryable: false }],
  ['429', { reason: 'adapter_failed', retryable: true, retryAfterMs: undefined }],
  ['429-retry-after', { reason: 'adapter_failed', retryable: true, retryAfterMs: 1_000 }],
  ['500', { reason: 'adapter_failed', retryable: true }],
  ['503', { reason: 'adapter_failed', retryable: true }],
  ['reset-before', { reason: 'adapter_failed', retryable: true }],
  ['reset-after', { reason: 'adapter_failed', retryable: true }],
  ['reset-in-answer', { reason: 'adapter_failed', retryable: true }],
  ['garbage', { reason: 'adapter_failed', retryable: true }],
])('the fault %s, and that it is over', async (fault, expected) => {
  const server = await serverWith();
  const adapter = adapterFor(server);
  const event = eventOf();
  // More than one: what cuts a kept connection is tried once more by itself.
  server.faults.failNext(fault, { count: Infinity });
  const failure = await adapter.logEvents([event], { signal }).then(() => undefined, (error: unknown) => error);
  expect(failure).toBeInstanceOf(MeshError);
  expect(failure).toMatchObject(expected);
  server.faults.clear();
  const next = eventOf();
  await adapter.logEvents([next], { signal });
  expect(server.ids.get(next.id)).toBe(1);
});

test.each([
  [429, {}, 17_000],
  [429, { 'retry-after': '5' }, 5_000],
  [503, {}, undefined],
])("how long to wait is also read from Datadog's own header: %d %j", async (status, more, retryAfterMs) => {
  const { createServer } = await import('node:http');
  const server = createServer((request, response) => request.resume().on('end', () => response.writeHead(status, { 'x-ratelimit-reset': '17', 'x-ratelimit-limit': '100', ...more }).end('{}')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const adapter = adapterFor({ url: `http://127.0.0.1:${port}` });
  await expect(adapter.logEvent(eventOf())).rejects.toMatchObject({ retryable: true, retryAfterMs });
  await adapter.close();
  server.close();
});

test.each([
  [10_000, {}],
  [2_000, { timeoutMs: 2_000 }],
])('a service that gives no answer is given up in time: %d ms', async (ms, options) => {
  const server = await serverWith();
  const clock = new FakeClock(Date.now());
  const adapter = adapterFor(server, { clock, ...options });
  server.faults.failNext('hang');
  const delivery = adapter.logEvent(eventOf());
  const outcome = expect(delivery).rejects.toMatchObject({ reason: 'adapter_timeout', retryable: true });
  while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(ms - 1);
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(1);
  await outcome;
});

test('a wrong key is refused, and is nowhere in what is said of it', async () => {
  const server = await serverWith({ apiKey: 'another-key' });
  const failure = (await adapterFor(server).logEvent(eventOf()).catch((error: unknown) => error)) as MeshError;
  expect(failure).toMatchObject({ reason: 'sink_unauthenticated', retryable: false, text: expect.stringContaining('403') });
  expect(`${failure.stack} ${JSON.stringify(failure)}`).not.toContain(API_KEY);
});

test('nobody there: retryable', async () => {
  const server = await serverWith();
  const adapter = adapterFor(server);
  await server.down();
  await expect(adapter.logEvent(eventOf())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true, text: expect.stringContaining('ECONNREFUSED') });
  await server.up();
  await adapter.logEvent(eventOf());
});
