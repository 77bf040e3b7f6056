import { describe, expect, test } from '@jest/globals';
import type { MeshError } from '@lemur-bookstores/mesh-interface';
import { FLAG_NOT_RUN, MessageKind, RecordFlag } from '../../src/wire/message.js';
import { FRAGMENT_BYTES } from '../../src/wire/reassembly.js';
import { WheelEntry } from '../../src/session/deadline-wheel.js';
import { InboundSession, type InboundRequest, type RequestReceiver } from '../../src/session/inbound-session.js';
import type { SessionLimits } from '../../src/session/session-limits.js';
import { SessionRig } from '../support/session-rig.js';
import { message, request as requestPayload, turns } from '../support/wire.js';

const { request, response, error, cancel, goAway, close } = MessageKind;

class Request extends WheelEntry implements InboundRequest {
  cancelled: MeshError | undefined;
  cancel(reason: MeshError): void {
    this.cancelled = reason;
  }
  onDeadline(): void {}
}

interface Rig {
  readonly rig: SessionRig;
  readonly inbound: InboundSession;
  readonly requests: Map<number, Request>;
  /** Ids in the order in which they were taken up. */
  readonly taken: number[];
  readonly ends: string[];
  /** Reasons of those refused unread. */
  readonly refused: string[];
  ask(...ids: number[]): void;
}

function opened({ limits = {}, answerAtOnce = false }: { limits?: Partial<SessionLimits>; answerAtOnce?: boolean } = {}): Rig {
  const requests = new Map<number, Request>();
  const taken: number[] = [];
  const ends: string[] = [];
  const refused: string[] = [];
  const receiver: RequestReceiver = {
    onRefused: (_session, { reason }) => void refused.push(reason),
    onRequest: (session, _flags, id) => {
      const one = new Request();
      requests.set(id, one);
      taken.push(id);
      session.calls.set(id, one);
      if (answerAtOnce) session.reply(response, 1, id, `${id}`);
    },
  };
  const inbound = new InboundSession(receiver, limits.maxCalls ?? 10_000, { onRotated: () => {}, onSpent: () => {}, onEnd: (_session, { type }) => ends.push(type) });
  const rig = new SessionRig('responder', inbound, limits);
  inbound.attach(rig.session);
  const ask = (...ids: number[]): void => rig.feed(...ids.map((id) => message(request, id, requestPayload('m'))));
  return { rig, inbound, requests, taken, ends, refused, ask };
}

/** kind and id of what came out, without the welcome. */
const out = async (rig: SessionRig): Promise<[number, number][]> => (await rig.read()).filter(({ kind }) => kind !== MessageKind.welcome).map(({ kind, id }) => [kind, id]);

describe('requests', () => {
  test('each is taken up once and answered once', async () => {
    const { rig, inbound, taken, ask } = opened();
    ask(1, 2, 3);
    inbound.reply(response, 1, 2, '"b"');
    inbound.replyError(1, new Error('x'), false);
    expect(taken).toEqual([1, 2, 3]);
    expect(await out(rig)).toEqual([[response, 2], [error, 1]]);
    expect([...inbound.calls.keys()]).toEqual([3]);
  });

  test('an id that is in flight ends the connection', () => {
    const { inbound, requests, ends, ask } = opened();
    ask(1);
    ask(1);
    expect([ends, inbound.session.state]).toEqual([['failed'], 'closed']);
    expect(requests.get(1)?.cancelled).toMatchObject({ reason: 'connection_lost' });
  });

  test('above the cap of calls in flight, the answer is too_many_calls: not run', async () => {
    const { rig, taken, refused, ask } = opened({ limits: { maxCalls: 2 } });
    ask(1, 2, 3);
    expect([taken, refused]).toEqual([[1, 2], ['too_many_calls']]);
    const [reply] = (await rig.read()).filter(({ kind }) => kind === error);
    expect(reply).toMatchObject({ id: 3, flags: FLAG_NOT_RUN });
    expect(JSON.parse(String(reply?.payload))).toMatchObject({ reason: 'too_many_calls', code: 'RESOURCE_EXHAUSTED' });
  });

  test('a request over the cap is answered, not run; any other message over it ends the connection', async () => {
    const { rig, inbound, taken, refused } = opened();
    inbound.onTooLarge(request, 4, 5_000_000);
    const [reply] = (await rig.read()).filter(({ kind }) => kind === error);
    expect(reply).toMatchObject({ id: 4, flags: FLAG_NOT_RUN });
    expect(JSON.parse(String(reply?.payload))).toMatchObject({ reason: 'body_too_large' });
    expect([taken, refused]).toEqual([[], ['body_too_large']]);
    expect(() => inbound.onTooLarge(cancel, 5, 5_000_000)).toThrow('protocol_violation');
  });

  test('a cancellation reaches its call, and its answer is not sent', async () => {
    const { rig, inbound, requests, ask } = opened();
    ask(1, 2);
    rig.feed(message(cancel, 1), message(cancel, 77), message(cancel, 1));
    expect(requests.get(1)?.cancelled).toMatchObject({ reason: 'cancelled' });
    expect(requests.get(2)?.cancelled).toBeUndefined();
    expect([...inbound.calls.keys()]).toEqual([2]);
    expect(await out(rig)).toEqual([]);
  });

  test('a peer that asks and does not read is cut when its answers fill the queue', () => {
    const { rig, inbound, ends, ask } = opened({ limits: { maxQueuedBytes: 1_000 } });
    ask(1, 2);
    rig.connection.bufferedBytes = 10 * 1024 * 1024;
    inbound.reply(response, 1, 1, 'x'.repeat(900));
    expect(ends).toEqual([]);
    inbound.reply(response, 1, 2, 'x'.repeat(900));
    expect(ends).toEqual(['failed']);
    expect(rig.connection.closed).toBe('terminated');
  });

  test('when the connection ends, every call hears of it; late answers go nowhere', () => {
    const { rig, inbound, requests, ask } = opened();
    ask(1, 2);
    rig.connection.onEnd({});
    expect([...requests.values()].map(({ cancelled }) => cancelled?.reason)).toEqual(['connection_lost', 'connection_lost']);
    expect(() => inbound.reply(response, 1, 1, 'late')).not.toThrow();
    expect(inbound.calls.size).toBe(0);
  });
});

describe('drain', () => {
  test('says GOAWAY with the last request taken up, lets that end, closes', async () => {
    const { rig, inbound, ends, ask } = opened();
    ask(1, 2);
    let done = false;
    inbound.drain(() => (done = true));
    expect(await out(rig)).toEqual([[goAway, 2]]);
    inbound.reply(response, 1, 2, '1');
    expect(done).toBe(false);
    inbound.reply(response, 1, 1, '1');
    await turns();
    expect([done, ends]).toEqual([true, ['closed']]);
    expect(await out(rig)).toEqual([[response, 2], [response, 1], [close, 0]]);
  });

  test.each(['no-answer', 'epochs'] as const)('because its keys will not be replaced (%s): the same, so that the peer dials anew (PROTOCOL 3.6, 3.8)', async (why) => {
    const { rig, inbound, ends, ask } = opened();
    ask(1);
    inbound.onSpent(why, 'interval');
    expect([await out(rig), inbound.session.state]).toEqual([[[goAway, 1]], 'draining']);
    inbound.reply(response, 1, 1, '1');
    expect([await out(rig), ends]).toEqual([[[response, 1], [close, 0]], ['closed']]);
  });

  test('takes up nothing after its GOAWAY: the caller knows', async () => {
    const { rig, inbound, taken, ask } = opened();
    ask(1, 2);
    inbound.drain(() => {});
    ask(3);
    expect(taken).toEqual([1, 2]);
    expect((await out(rig)).map(([kind]) => kind)).toEqual([goAway]);
  });

  test('nor what stands behind it in the same record', () => {
    const { inbound, taken, ask } = opened();
    const receiver = inbound.calls;
    void receiver;
    const set = inbound.calls.set.bind(inbound.calls);
    inbound.calls.set = (id, call) => {
      if (id === 2) inbound.drain(() => {});
      return set(id, call);
    };
    ask(1, 2, 3, 4);
    expect(taken).toEqual([1, 2]);
  });

  test('a request that began to arrive before GOAWAY and has an earlier id is still taken up', () => {
    const { inbound, taken, ask } = opened();
    ask(2);
    inbound.drain(() => {});
    ask(1);
    expect(taken).toEqual([2, 1]);
  });

  test('regression: it waits for the rest of such a request, although nothing else is in flight', async () => {
    const { rig, inbound, taken, ends, ask } = opened();
    const large = message(request, 1, requestPayload('m', Buffer.alloc(FRAGMENT_BYTES)));
    const head = (total?: number): Buffer => {
      const bytes = Buffer.alloc(total === undefined ? 4 : 8);
      bytes.writeUInt32BE(1);
      if (total !== undefined) bytes.writeUInt32BE(total, 4);
      return bytes;
    };
    rig.feedRecord(RecordFlag.fragment | RecordFlag.first, Buffer.concat([head(large.length), large.subarray(0, FRAGMENT_BYTES)]));
    ask(2);
    inbound.drain(() => {});
    inbound.reply(response, 1, 2, '1');
    await turns();
    expect(ends).toEqual([]);
    rig.feedRecord(RecordFlag.fragment | RecordFlag.last, Buffer.concat([head(), large.subarray(FRAGMENT_BYTES)]));
    expect(taken).toEqual([2, 1]);
    inbound.reply(response, 1, 1, '1');
    expect(ends).toEqual(['closed']);
    expect((await out(rig)).at(-2)).toEqual([response, 1]);
  });

  test('regression: with nothing in flight it closes without waiting for the peer', async () => {
    const { rig, inbound, ends } = opened();
    let done = false;
    inbound.drain(() => (done = true));
    await turns();
    expect([done, ends]).toEqual([true, ['closed']]);
    expect(await out(rig)).toEqual([[goAway, 0], [close, 0]]);
  });

  test('regression: where the last call in flight was cancelled it closes', async () => {
    const { rig, inbound, ask } = opened();
    ask(1);
    let done = false;
    inbound.drain(() => (done = true));
    rig.feed(message(cancel, 1));
    await turns();
    expect(done).toBe(true);
  });

  test('answers that wait for a slow reader go out before the CLOSE', async () => {
    const { rig, inbound, ask } = opened();
    ask(1);
    rig.connection.bufferedBytes = 10 * 1024 * 1024;
    inbound.drain(() => {});
    inbound.reply(response, 1, 1, 'x'.repeat(50_000));
    await turns();
    rig.connection.drain();
    await turns();
    expect(await out(rig)).toEqual([[goAway, 1], [response, 1], [close, 0]]);
  });

  test('regression: asked twice, both are told when it is over', async () => {
    const { inbound, ask } = opened();
    ask(1);
    const done: string[] = [];
    inbound.drain(() => done.push('stop'));
    inbound.retire(() => done.push('revoked'));
    inbound.reply(response, 1, 1, '1');
    await turns();
    expect(done).toEqual(['stop', 'revoked']);
  });

  test('of a session that has ended is done at once', () => {
    const { rig, inbound } = opened();
    rig.connection.onEnd({});
    let done = false;
    inbound.drain(() => (done = true));
    expect(done).toBe(true);
  });
});
