import { describe, expect, test } from '@jest/globals';
import { nullAuditSink, type Interceptor } from '@lemur-bookstores/mesh-interface';
import { CallIn } from '../../src/call/call-in.js';
import { CallStatistics } from '../../src/call/call-statistics.js';
import { Denials } from '../../src/call/denials.js';
import { Handlers, type AnyHandler } from '../../src/call/handlers.js';
import { DeadlineWheel } from '../../src/session/deadline-wheel.js';
import { InboundSession } from '../../src/session/inbound-session.js';
import { MessageKind } from '../../src/wire/message.js';
import { RecordingLogger } from '../support/nodes.js';
import { SessionRig } from '../support/session-rig.js';
import { message, request as requestPayload, turns } from '../support/wire.js';

const { request, response, error, goAway, close } = MessageKind;

/** The inbound path behind one session, and a peer that says exactly what a test makes it say. */
function opened(handler: AnyHandler): { rig: SessionRig; inbound: InboundSession; statistics: CallStatistics; interceptors: Interceptor[]; ends: string[]; ask(id: number, payload: Uint8Array, flags?: number): void; out(): Promise<[number, number][]> } {
  const handlers = new Handlers();
  handlers.add('m', handler);
  const ends: string[] = [];
  // The rig makes the session's clock; the call path needs the same one.
  const late: { receiver?: CallIn } = {};
  const inbound = new InboundSession({ onRequest: (...all) => late.receiver?.onRequest(...all), onRefused: (...all) => late.receiver?.onRefused(...all) }, 10_000, { onRotated: () => {}, onSpent: () => {}, onEnd: (_session, { type }) => ends.push(type) });
  const rig = new SessionRig('responder', inbound);
  const { clock } = rig;
  const statistics = new CallStatistics(clock);
  const interceptors: Interceptor[] = [];
  const parts = { serviceId: 'server', clock, wheel: new DeadlineWheel(clock), handlers, statistics, audit: nullAuditSink, denials: new Denials(nullAuditSink, clock), logger: new RecordingLogger(), gate: undefined, scopes: undefined, interceptors, maxMessageBytes: 4 * 1024 * 1024, codec: undefined, failClosed: false };
  late.receiver = new CallIn(parts);
  inbound.attach(rig.session);
  return {
    rig,
    inbound,
    statistics,
    interceptors,
    ends,
    ask: (id, payload, flags = 0) => rig.feed(message(request, id, payload, flags)),
    out: async () => (await rig.read()).filter(({ kind }) => kind !== MessageKind.welcome).map(({ kind, id }) => [kind, id]),
  };
}

describe('the inbound path', () => {
  test('an answer, an error, and a request that is refused', async () => {
    const { ask, out } = opened((input) => input);
    ask(1, requestPayload('m', '7'), 1);
    ask(2, requestPayload('nobody'));
    ask(3, requestPayload('m', 'no JSON'), 1);
    expect(await out()).toEqual([[response, 1], [error, 2], [error, 3]]);
  });

  test.each([
    ['that is too short', Buffer.alloc(3), 0],
    ['whose method does not fit', Buffer.from([0, 0, 0, 1, 200, 65]), 0],
    ['whose metadata does not fit', Buffer.from([0, 0, 0, 1, 1, 109, 255, 255]), 0x04],
  ])('a request %s ends the connection: nothing behind it can be trusted', (_name, payload, flags) => {
    let runs = 0;
    const { ask, ends } = opened(() => runs++);
    ask(1, payload, flags);
    expect([ends, runs]).toEqual([['failed'], 0]);
  });

  test('a call whose time is over counts no more, although its caller never says so', async () => {
    const { rig, inbound, ask, out } = opened(() => new Promise(() => {}));
    ask(1, requestPayload('m', '', 100));
    expect(inbound.calls.size).toBe(1);
    await rig.clock.advance(150);
    expect(inbound.calls.size).toBe(0);
    // Nobody waits: no answer.
    expect(await out()).toEqual([]);
  });

  test('regression: and a drain does not wait for it', async () => {
    const { rig, inbound, ends, ask, out } = opened(() => new Promise(() => {}));
    ask(1, requestPayload('m', '', 100));
    inbound.drain(() => {});
    await turns();
    expect(ends).toEqual([]);
    await rig.clock.advance(150);
    expect(ends).toEqual(['closed']);
    expect(await out()).toEqual([[goAway, 1], [close, 0]]);
  });

  test('regression: handlers and interceptors see the method that was called, also where its figures are kept no more', async () => {
    const seen: string[] = [];
    const { rig, statistics, interceptors, ask } = opened((_input, { method }) => void seen.push(method));
    interceptors.push((call, next) => (seen.push(`intercepted ${call.method}`), next(call)));
    for (let i = 0; i < 2_000; i++) statistics.series('inbound', 'somebody', `m${i}`);
    ask(1, requestPayload('m'));
    await rig.read();
    expect(seen).toEqual(['intercepted m', 'm']);
  });

  test('time of 0 is over at once, and the longest there is does not overflow', async () => {
    const seen: number[] = [];
    const { rig, inbound, ask } = opened((_input, { remainingMs }) => (seen.push(remainingMs), new Promise(() => {})));
    ask(1, requestPayload('m', '', 0));
    ask(2, requestPayload('m', '', 0xffff_ffff));
    await rig.clock.advance(100);
    expect([seen, [...inbound.calls.keys()]]).toEqual([[0, 0xffff_ffff], [2]]);
  });
});
