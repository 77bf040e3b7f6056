import { describe, expect, test } from '@jest/globals';
import type { MeshError } from '@lemur-bookstores/mesh-interface';
import { FLAG_NOT_RUN, MessageKind } from '../../src/wire/message.js';
import { encodeErrorReply } from '../../src/wire/error-reply.js';
import { encodeMethod } from '../../src/wire/request.js';
import { OutboundSession, type OutboundSessionListener } from '../../src/session/outbound-session.js';
import { PendingCall } from '../../src/session/pending-call.js';
import type { SessionLimits } from '../../src/session/session-limits.js';
import { SessionRig } from '../support/session-rig.js';
import { message, thrown, turns } from '../support/wire.js';

const { request, response, error, cancel, goAway, close, welcome } = MessageKind;

class Call extends PendingCall {
  readonly flags = 1;
  readonly method = encodeMethod('m');
  readonly extras = undefined;
  readonly body: string | Uint8Array | undefined;
  answer: string | undefined;
  failure: MeshError | undefined;
  notProcessed = 0;

  constructor(body: string | Uint8Array = '1') {
    super();
    this.body = body;
  }

  onResponse(_flags: number, buffer: Buffer, start: number, end: number): undefined {
    this.answer = buffer.toString('utf8', start, end);
  }

  onFailure(failure: MeshError): void {
    this.failure = failure;
  }

  onNotProcessed(): void {
    this.notProcessed++;
  }

  onDeadline(): void {}
}

interface Rig {
  readonly rig: SessionRig;
  readonly outbound: OutboundSession;
  readonly events: string[];
  send(body?: string | Uint8Array): Call;
}

function opened({ limits = {}, firstId = 1 }: { limits?: Partial<SessionLimits>; firstId?: number } = {}): Rig {
  const events: string[] = [];
  const listener: OutboundSessionListener = {
    onReady: () => void events.push('ready'),
    onRotated: () => {},
    onSpent: () => {},
    onVerified: () => void events.push('verified'),
    onDraining: () => void events.push('draining'),
    onRenew: (cause) => void events.push(`renew: ${cause}`),
    onEnd: ({ type }) => void events.push(`end ${type}`),
  };
  const outbound = new OutboundSession(listener, limits.maxCalls ?? 10_000, firstId);
  const rig = new SessionRig('initiator', outbound, limits);
  outbound.attach(rig.session);
  rig.feed(message(welcome, 0));
  const send = (body?: string | Uint8Array): Call => {
    const call = new Call(body);
    outbound.send(call, 1_000);
    return call;
  };
  return { rig, outbound, events, send };
}

describe('calls', () => {
  test('answers find their calls by id, in any order', async () => {
    const { rig, outbound, events, send } = opened();
    expect(events).toEqual(['ready']);
    const [a, b] = [send(), send()];
    expect(outbound.outstanding).toBe(2);
    expect((await rig.read()).map(({ kind, id }) => [kind, id])).toEqual([[request, 1], [request, 2]]);
    rig.feed(message(response, 2, Buffer.from('"b"'), 1), message(response, 1, Buffer.from('"a"'), 1));
    expect([a.answer, b.answer, outbound.outstanding]).toEqual(['"a"', '"b"', 0]);
  });

  test('an error reply says whether the handler may have run', () => {
    const { rig, send } = opened();
    const [a, b] = [send(), send()];
    const text = Buffer.from(encodeErrorReply(Object.assign(new Error('x'))));
    rig.feed(message(error, 1, text, FLAG_NOT_RUN), message(error, 2, text));
    expect(a.failure).toMatchObject({ reason: 'handler_failed', mayHaveRun: false });
    expect(b.failure).toMatchObject({ reason: 'handler_failed', mayHaveRun: true });
  });

  test('answers nobody waits for are dropped: unknown ids, second answers, answers that crossed a cancellation', () => {
    const { rig, outbound, events, send } = opened();
    const call = send();
    rig.feed(message(response, 99), message(response, 1, Buffer.from('1')), message(response, 1, Buffer.from('2')), message(error, 1, Buffer.from('{}')));
    expect([call.answer, call.failure]).toEqual(['1', undefined]);
    const cancelled = send();
    outbound.abandon(cancelled);
    rig.feed(message(response, 2, Buffer.from('late')));
    expect([cancelled.answer, cancelled.failure]).toEqual([undefined, undefined]);
    expect(events).toEqual(['ready']);
  });

  test('calls in flight are capped: the one above it was not written', () => {
    const { outbound, send } = opened({ limits: { maxCalls: 3 } });
    for (let i = 0; i < 3; i++) send();
    expect(thrown(() => outbound.send(new Call(), 1))).toMatchObject({ reason: 'too_many_calls', mayHaveRun: false });
    expect(outbound.outstanding).toBe(3);
  });

  test('a call that cannot be written is not waited for', () => {
    const { outbound, rig } = opened({ limits: { maxQueuedBytes: 1_000 } });
    rig.connection.bufferedBytes = 10 * 1024 * 1024;
    expect(thrown(() => outbound.send(new Call('x'.repeat(2_000)), 1))).toMatchObject({ reason: 'send_queue_full', mayHaveRun: false });
    expect(outbound.outstanding).toBe(0);
  });

  test('near the end of its ids it drains, and what is in flight still ends', () => {
    const { rig, outbound, events, send } = opened({ firstId: 0xffff_ffef });
    const first = send();
    expect(outbound.isOpen).toBe(true);
    const last = send();
    expect([outbound.isOpen, events]).toEqual([false, ['ready', 'draining']]);
    rig.feed(message(response, first.id, Buffer.from('1')), message(response, last.id, Buffer.from('2')));
    expect([first.answer, last.answer]).toEqual(['1', '2']);
    expect(events).toEqual(['ready', 'draining', 'end closed']);
  });

  test('an answer over the cap fails its call alone', () => {
    const { rig, outbound, send } = opened();
    const [a, b] = [send(), send()];
    outbound.onTooLarge(response, a.id, 5_000_000);
    expect(a.failure).toMatchObject({ reason: 'body_too_large', mayHaveRun: true, retryable: false });
    rig.feed(message(response, b.id, Buffer.from('1')));
    expect(b.answer).toBe('1');
    expect(() => outbound.onTooLarge(response, 77, 5_000_000)).not.toThrow();
  });
});

describe('abandon', () => {
  test('of what was written tells the peer; the call may have run', async () => {
    const { rig, outbound, send } = opened();
    const call = send();
    await rig.read();
    expect(outbound.abandon(call)).toBe(false);
    expect((await rig.read()).map(({ kind, id }) => [kind, id])).toEqual([[cancel, 1]]);
    expect(outbound.abandon(call)).toBe(false);
    expect(await rig.read()).toEqual([]);
  });

  test('of what still waits takes it back: provably not run, and the peer never hears of it', async () => {
    const { rig, outbound, send } = opened();
    rig.connection.bufferedBytes = 10 * 1024 * 1024;
    const call = send();
    expect(outbound.abandon(call)).toBe(true);
    rig.connection.drain();
    expect(await rig.read()).toEqual([]);
  });
});

describe('GOAWAY', () => {
  test('calls after lastProcessedId are handed back, earlier ones still end, then the session closes', async () => {
    const { rig, outbound, events, send } = opened();
    const calls = [send(), send(), send()];
    rig.feed(message(goAway, 1));
    expect(calls.map(({ notProcessed, failure }) => [notProcessed, failure])).toEqual([[0, undefined], [1, undefined], [1, undefined]]);
    expect([outbound.isOpen, outbound.outstanding, events]).toEqual([false, 1, ['ready', 'draining']]);
    await rig.read();
    rig.feed(message(response, 1, Buffer.from('1')));
    expect(calls[0]?.answer).toBe('1');
    expect(events).toEqual(['ready', 'draining', 'end closed']);
    expect((await rig.read()).map(({ kind }) => kind)).toEqual([close]);
  });

  test('a call that was handed back is never answered here, whatever the peer says', () => {
    const { rig, send } = opened();
    const call = send();
    send();
    rig.feed(message(goAway, 0), message(response, 1, Buffer.from('"late"')));
    expect([call.notProcessed, call.answer]).toEqual([1, undefined]);
  });

  test('with nothing in flight the session closes at once', async () => {
    const { rig, events } = opened();
    rig.feed(message(goAway, 0));
    expect(events).toEqual(['ready', 'draining', 'end closed']);
    expect(rig.connection.closed).toBe('closed');
  });

  test('what still waits to be written is taken back, too', async () => {
    const { rig, send } = opened();
    rig.connection.bufferedBytes = 10 * 1024 * 1024;
    const call = send();
    rig.feed(message(goAway, 0));
    rig.connection.drain();
    expect(call.notProcessed).toBe(1);
    expect((await rig.read()).map(({ kind }) => kind)).not.toContain(request);
  });
});

describe('the end', () => {
  test.each<[string, (rig: SessionRig) => void, string]>([
    ['a cut connection', ({ connection }) => connection.onEnd({}), 'connection_truncated'],
    ['a bad record', ({ connection }) => connection.onMessage(Buffer.alloc(40)), 'record_invalid'],
    ["the peer's CLOSE", (rig) => rig.feed(message(close, 0)), 'closed by the peer'],
    ['our close', ({ session }) => session.close(), 'closed here'],
  ])('after %s every call in flight learns at once that it may have run', (_name, act, why) => {
    const { rig, outbound, send } = opened();
    const calls = [send(), send()];
    act(rig);
    for (const { failure, notProcessed } of calls) {
      expect(failure).toMatchObject({ reason: 'connection_lost', code: 'UNAVAILABLE', mayHaveRun: true });
      expect(failure?.message).toContain(why);
      expect(notProcessed).toBe(0);
    }
    expect(outbound.outstanding).toBe(0);
    expect(thrown(() => outbound.send(new Call(), 1))).toMatchObject({ reason: 'session_closed', mayHaveRun: false });
  });

  test.each<[string, (rig: SessionRig) => void]>([
    ['a cut connection', ({ connection }) => connection.onEnd({})],
    ["the peer's CLOSE", (rig) => rig.feed(message(close, 0))],
    ['our close', ({ session }) => session.close()],
  ])('regression: after %s, a call that still waited whole may go elsewhere; one that was written, or half written, may have run', async (_name, act) => {
    const { rig, send } = opened();
    const written = send();
    await turns();
    rig.connection.stalled = true;
    const half = send(Buffer.alloc(4 * 1024 * 1024 - 100));
    const waiting = [send(), send(Buffer.alloc(300_000)), send()];
    act(rig);
    for (const { failure, notProcessed } of waiting) expect([failure, notProcessed]).toEqual([undefined, 1]);
    for (const { failure, notProcessed } of [written, half]) expect([failure?.reason, failure?.mayHaveRun, notProcessed]).toEqual(['connection_lost', true, 0]);
  });

  test('a dead peer: calls in flight end 10 s after the ping', async () => {
    const { rig, send } = opened();
    const call = send();
    await rig.clock.advance(24_999);
    expect(call.failure).toBeUndefined();
    await rig.clock.advance(1);
    expect(call.failure).toMatchObject({ reason: 'connection_lost', mayHaveRun: true, cause: { reason: 'keepalive_timeout' } });
  });

  test('drain() closes at once where nothing is in flight, else after the last answer', () => {
    const idle = opened();
    let done = false;
    idle.outbound.drain(() => (done = true));
    expect([done, idle.rig.connection.closed]).toEqual([true, 'closed']);

    const busy = opened();
    busy.send();
    done = false;
    busy.outbound.drain(() => (done = true));
    expect([done, busy.outbound.isOpen]).toEqual([false, false]);
    busy.rig.feed(message(response, 1, Buffer.from('1')));
    expect([done, busy.rig.connection.closed]).toEqual([true, 'closed']);
  });

  test('regression: drain() does not wait for its limit where the last call was cancelled', async () => {
    const { rig, outbound, send } = opened();
    const call = send();
    let done = false;
    outbound.drain(() => (done = true));
    await turns();
    outbound.abandon(call);
    await turns();
    expect([done, rig.connection.closed]).toEqual([true, 'closed']);
    expect((await rig.read()).map(({ kind }) => kind)).toEqual([request, cancel, close]);
  });

  test('regression: nor where that cancellation had to wait for a slow reader', async () => {
    const { rig, outbound, send } = opened();
    rig.connection.stalled = true;
    const call = send(Buffer.alloc(4 * 1024 * 1024));
    let done = false;
    outbound.drain(() => (done = true));
    outbound.abandon(call);
    expect(done).toBe(false);
    rig.connection.stalled = false;
    rig.connection.drain();
    await turns();
    expect(done).toBe(true);
    expect((await rig.read()).map(({ kind }) => kind)).toEqual([request, cancel, close]);
  });
});
