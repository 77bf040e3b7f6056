import { randomBytes } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { Agent as HttpsAgent } from 'node:https';
import { createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { FakeClock, systemClock } from '@lemur-bookstores/mesh-interface';
import { HttpSink, type HttpSinkOptions } from '../src/http-sink.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Speaks as it likes, to each connection that has sent something. */
async function serviceThat(speaks: (socket: Socket, turn: number) => unknown): Promise<{ readonly url: URL; readonly connections: ReadonlySet<Socket>; readonly turns: () => number }> {
  const connections = new Set<Socket>();
  let turns = 0;
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('error', () => undefined).on('close', () => void connections.delete(socket)).on('data', (chunk) => void (/^POST/.test(chunk.toString('latin1')) && speaks(socket, ++turns)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  return { url: new URL(`http://127.0.0.1:${(server.address() as { port: number }).port}`), connections, turns: () => turns };
}

function sinkWith(options: Partial<HttpSinkOptions> = {}): HttpSink {
  const sink = new HttpSink({ noun: 'Sink', userAgent: 'mesh-test/1', clock: () => systemClock, ...options });
  ends.push(() => sink.close());
  return sink;
}

async function until(fits: () => boolean): Promise<void> {
  const begin = performance.now();
  while (!fits()) {
    if (performance.now() - begin > 20_000) throw new Error('not within 20 s');
    await new Promise((resolve) => void setImmediate(resolve));
  }
}
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

test('what waits for a free connection ends when it is aborted, not when there is one', async () => {
  const { url, turns } = await serviceThat(() => undefined);
  const sink = sinkWith({ maxSockets: 1 });
  const [first, second] = [new AbortController(), new AbortController()];
  const hanging = expect(sink.send({ url, headers: {}, body: '', signal: first.signal })).rejects.toThrow('the first');
  const waiting = sink.send({ url, headers: {}, body: '', signal: second.signal });
  await until(() => turns() === 1);
  second.abort(new Error('the second'));
  await expect(waiting).rejects.toThrow('the second');
  expect(first.signal.aborted).toBe(false);
  first.abort(new Error('the first'));
  await hanging;
});

test('a request that is sent once more has no more time for it', async () => {
  const clock = new FakeClock();
  const { url, turns, connections } = await serviceThat((socket, turn) => void (turn === 1 && socket.write(OK)));
  const sink = sinkWith({ clock: () => clock, timeoutMs: 5_000 });
  await sink.send({ url, headers: {}, body: '' });
  const rejected = expect(sink.send({ url, headers: {}, body: '' })).rejects.toMatchObject({ reason: 'adapter_timeout', retryable: true });
  await until(() => turns() === 2);
  await clock.advance(4_000);
  for (const socket of connections) socket.destroy();
  await until(() => turns() === 3);
  await clock.advance(1_000);
  await rejected;
  expect(clock.pendingTimers).toBe(0);
});

test('is sent once more over a connection that was used before, once, and only where nothing was answered', async () => {
  let isUp = true;
  let said = '';
  const { url, turns } = await serviceThat((socket) => (isUp ? void setTimeout(() => socket.write(OK), 20) : said === '' ? socket.destroy() : socket.write(said, () => socket.destroy())));
  const sink = sinkWith();
  const send = (): Promise<unknown> => sink.send({ url, headers: {}, body: '' });
  const requestsOf = async (): Promise<number> => {
    const before = turns();
    await expect(send()).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true });
    return turns() - before;
  };
  // Three connections, to begin with.
  await Promise.all([send(), send(), send()]);
  isUp = false;
  said = 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx';
  expect(await requestsOf()).toBe(1);
  said = '';
  expect(await requestsOf()).toBe(2);
  // None is left.
  expect(await requestsOf()).toBe(1);
});

test('unless told otherwise it waits for 10 s, and reads 64 KiB', async () => {
  const clock = new FakeClock();
  const { url, turns } = await serviceThat((socket, turn) => void (turn === 1 || socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n${'x'.repeat(100_000)}`)));
  const sink = sinkWith({ clock: () => clock });
  const rejected = expect(sink.send({ url, headers: {}, body: '' })).rejects.toMatchObject({ reason: 'adapter_timeout' });
  await until(() => turns() === 1);
  await clock.advance(9_999);
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(1);
  await rejected;
  expect((await sink.send({ url, headers: {}, body: '' })).text).toHaveLength(65_536);
});

test('has four connections to a service at most', async () => {
  const { url, turns, connections } = await serviceThat((socket) => void setTimeout(() => socket.write(OK), 20));
  const sink = sinkWith();
  let most = 0;
  await Promise.all(Array.from({ length: 12 }, () => sink.send({ url, headers: {}, body: '' }).then(() => (most = Math.max(most, connections.size)))));
  expect([turns(), most]).toEqual([12, 4]);
});

test('aborted while its body is packed it is not sent', async () => {
  const { url, connections } = await serviceThat((socket) => void socket.write(OK));
  const abort = new AbortController();
  const sent = sinkWith().send({ url, headers: {}, body: 'x'.repeat(100_000), gzip: true, signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(sent).rejects.toThrow('enough');
  expect(connections.size).toBe(0);
});

test('closed, it ends what is under way, and sends nothing any more', async () => {
  const { url, turns } = await serviceThat((socket, turn) => void (turn === 1 && socket.write(OK)));
  const sink = sinkWith();
  await sink.send({ url, headers: {}, body: '' });
  const rejected = expect(sink.send({ url, headers: {}, body: '' })).rejects.toMatchObject({ reason: 'adapter_failed' });
  await until(() => turns() === 2);
  sink.close();
  await rejected;
  await expect(sink.send({ url, headers: {}, body: '', gzip: true })).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false, text: expect.stringContaining('closed') });
  expect(turns()).toBe(2);
});

test('a service that answers without reading takes no connection for ever', async () => {
  const { url, turns } = await serviceThat((socket) => void (socket.pause(), socket.write('HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\n\r\n')));
  const sink = sinkWith({ maxSockets: 1 });
  // More than the buffers of the system take.
  const body = randomBytes(16_000_000);
  for (let turn = 1; turn <= 3; turn++) {
    expect((await sink.send({ url, headers: {}, body })).status).toBe(413);
    expect(turns()).toBe(turn);
  }
});

test.each([
  ['a head without end', 'HTTP/1.1 200 OK\r\n' + 'x: y\r\n'.repeat(20_000)],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok'],
  ['a broken chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
])('%s is a failure that is worth another try', async (_what, said) => {
  const { url } = await serviceThat((socket) => void socket.write(said));
  await expect(sinkWith().send({ url, headers: {}, body: '' })).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true, text: expect.stringContaining('cannot be reached') });
});

test.each([
  ['heads that are none, again and again', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ['a head that comes by the letter', 'HTTP/1.1 200 OK\r\n', 'a'],
  ['a body that comes by the letter', 'HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n', 'x'],
])('%s: the time is over all the same, and the connection', async (_what, first, more) => {
  const clock = new FakeClock();
  let spoken = 0;
  const { url, connections } = await serviceThat((socket) => {
    socket.write(first);
    const speak = (): void => {
      if (!socket.destroyed) socket.write(more, () => setImmediate(speak));
      spoken++;
    };
    speak();
  });
  const rejected = expect(sinkWith({ clock: () => clock, timeoutMs: 5_000 }).send({ url, headers: {}, body: '' })).rejects.toMatchObject({ reason: 'adapter_timeout', text: expect.stringContaining('within 5000 ms') });
  await until(() => spoken > 20);
  await clock.advance(5_000);
  await rejected;
  await until(() => connections.size === 0);
});

test('an answer that is exactly as long as may be read is whole', async () => {
  const { url } = await serviceThat((socket) => void socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n${'x'.repeat(1_000)}`));
  const [sink, shorter] = [sinkWith({ maxAnswerBytes: 1_000 }), sinkWith({ maxAnswerBytes: 999 })];
  expect(await sink.send({ url, headers: {}, body: '' })).toMatchObject({ text: 'x'.repeat(1_000), truncated: false });
  expect(await shorter.send({ url, headers: {}, body: '' })).toMatchObject({ text: 'x'.repeat(999), truncated: true });
});

test('of a body without end no more is read, and its connection is over', async () => {
  const { url, connections } = await serviceThat((socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    const speak = (): void => void (socket.destroyed || socket.write('x'.repeat(1_000), () => setImmediate(speak)));
    speak();
  });
  expect(await sinkWith({ maxAnswerBytes: 10_000 }).send({ url, headers: {}, body: '' })).toMatchObject({ text: 'x'.repeat(10_000), truncated: true });
  await until(() => connections.size === 0);
});

test('an agent that is none for the URL is a failure like others', async () => {
  const { url } = await serviceThat((socket) => void socket.write(OK));
  const agent = new HttpsAgent();
  ends.push(() => agent.destroy());
  await expect(sinkWith({ agent }).send({ url, headers: {}, body: '' })).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true, text: expect.stringContaining('https:') });
});

test('whatever becomes of requests, no listener and no timer stays', async () => {
  const clock = new FakeClock();
  const said = ['', OK, 'nothing of HTTP\r\n\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx', `HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n${'x'.repeat(5_000)}`];
  const { url } = await serviceThat((socket, turn) => void socket.end(said[turn % said.length] ?? ''));
  const sink = sinkWith({ clock: () => clock, maxAnswerBytes: 1_000 });
  const abort = new AbortController();
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => sink.send({ url, headers: {}, body: 'x', signal: abort.signal })));
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['fulfilled', 'rejected']));
  expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  expect(clock.pendingTimers).toBe(0);
});
