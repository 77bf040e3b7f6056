import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { OutboundSession } from '../../src/session/outbound-session.js';
import { encodeErrorReply } from '../../src/wire/error-reply.js';
import { MessageKind } from '../../src/wire/message.js';
import { IdleCall } from '../support/idle-call.js';
import { ScriptedBreaker } from '../support/scripted-breaker.js';
import { SessionRig } from '../support/session-rig.js';
import { message, thrown } from '../support/wire.js';

const { response, error, goAway, close, welcome } = MessageKind;

class BodyCall extends IdleCall {
  override readonly body: Uint8Array | undefined;
  readonly invalid: MeshError | undefined;
  constructor(bytes = 0, invalid?: MeshError) {
    super();
    this.body = bytes === 0 ? undefined : Buffer.alloc(bytes);
    this.invalid = invalid;
  }
  override onResponse(): MeshError | undefined {
    return this.invalid;
  }
}

interface Rig {
  readonly breaker: ScriptedBreaker;
  readonly outbound: OutboundSession;
  readonly rig: SessionRig;
  send(bytes?: number, invalid?: MeshError): BodyCall;
}

function opened(): Rig {
  const nothing = (): void => {};
  const outbound = new OutboundSession({ onReady: nothing, onRotated: nothing, onSpent: nothing, onVerified: nothing, onDraining: nothing, onRenew: nothing, onEnd: nothing }, 20);
  const breaker = (outbound.breaker = new ScriptedBreaker());
  const rig = new SessionRig('initiator', outbound, { maxQueuedBytes: 6 * 1024 * 1024 });
  outbound.attach(rig.session);
  rig.feed(message(welcome, 0));
  const send = (bytes?: number, invalid?: MeshError): BodyCall => {
    const call = new BodyCall(bytes, invalid);
    outbound.send(call, 1_000);
    return call;
  };
  return { breaker, outbound, rig, send };
}

const reply = (reason: string, code?: 'NOT_FOUND'): Buffer => Buffer.from(encodeErrorReply(new MeshError(reason, 'no', code === undefined ? {} : { code })));

describe('what the breaker of an endpoint is told', () => {
  test('a result, an error reply, an answer that cannot be read: each is the own answer of the endpoint', () => {
    const { breaker, rig, send } = opened();
    send();
    send();
    send(0, new MeshError('result_invalid', 'no JSON'));
    rig.feed(message(response, 1), message(error, 2, reply('gone', 'NOT_FOUND')), message(response, 3));
    expect(breaker.settled).toEqual([
      { ticket: 1, code: 'OK', answered: true },
      { ticket: 2, code: 'NOT_FOUND', answered: true },
      { ticket: 3, code: new MeshError('result_invalid', '').code, answered: true },
    ]);
  });

  test('an answer that is too large is one, too', () => {
    const { breaker, outbound, send } = opened();
    const call = send();
    outbound.onTooLarge(response, 1, 2 ** 30);
    expect([breaker.settled, call.failure?.mayHaveRun]).toEqual([[{ ticket: 1, code: 'RESOURCE_EXHAUSTED', answered: true }], true]);
  });

  test('a deadline is told as such; a cancellation says nothing; the answer that crosses it is not told again', () => {
    const { breaker, outbound, rig, send } = opened();
    outbound.abandon(send(), 0);
    outbound.abandon(send());
    rig.feed(message(response, 1), message(response, 2));
    expect(breaker.settled.map(({ code }) => code)).toEqual(['DEADLINE_EXCEEDED', 'CANCELLED']);
  });

  test('what a GOAWAY hands back says nothing, and the rest is told by its own end', () => {
    const { breaker, rig, send } = opened();
    const calls = [send(), send()];
    rig.feed(message(goAway, 1));
    expect([calls.map(({ notProcessed }) => notProcessed), breaker.settled]).toEqual([[0, 1], [{ ticket: 2, code: 'CANCELLED', answered: false }]]);
    rig.feed(message(response, 1));
    expect(breaker.settled.at(-1)).toEqual({ ticket: 1, code: 'OK', answered: true });
  });

  test('a connection that is cut is one failure, however many calls were written on it; one that is closed here says nothing', () => {
    const cut = opened();
    cut.send();
    cut.rig.connection.onEnd({});
    expect(cut.breaker.settled).toEqual([{ ticket: 1, code: 'UNAVAILABLE', answered: false }]);
    const busy = opened();
    for (let i = 0; i < 3; i++) busy.send();
    busy.rig.connection.onEnd({});
    expect(busy.breaker.settled.map(({ code }) => code)).toEqual(['CANCELLED', 'CANCELLED', 'UNAVAILABLE']);
    const own = opened();
    own.send();
    own.rig.session.close();
    expect(own.breaker.settled).toEqual([{ ticket: 1, code: 'CANCELLED', answered: false }]);
  });

  test('one that answers a ping late was out of reach, and is there again; one that answers at once was not', async () => {
    const { breaker, outbound, rig, send } = opened();
    for (const [silentMs, returns] of [[999, 0], [1_000, 1]] as const) {
      const call = send();
      await rig.clock.advance(500);
      outbound.abandon(call, rig.clock.monotonic() - 400);
      await rig.clock.advance(silentMs);
      rig.feed(message(MessageKind.pong, 0));
      expect(breaker.returns).toBe(returns);
    }
  });

  test('it refuses before anything is written; and what cannot be written gives its place back', async () => {
    const { breaker, outbound, rig, send } = opened();
    breaker.state = 'open';
    expect(thrown(() => send())).toMatchObject({ reason: 'circuit_open', mayHaveRun: false });
    expect([await rig.readKinds(), outbound.outstanding, breaker.settled]).toEqual([[], 0, []]);
    breaker.state = 'half-open';
    rig.connection.bufferedBytes = 8 * 1024 * 1024;
    send(4 * 1024 * 1024);
    expect(thrown(() => send(4 * 1024 * 1024))).toMatchObject({ reason: 'send_queue_full' });
    expect(breaker.settled).toEqual([{ ticket: 2, code: 'CANCELLED', answered: undefined }]);
  });

  test('property: whatever happens to calls and session, each ticket comes back exactly once', () => {
    const operation = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), bytes: fc.constantFrom(0, 0, 10_000, 1_500_000), call: fc.nat(30) }) },
      { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('answer' as const, 'error' as const, 'too large' as const, 'abandon' as const, 'time out' as const), call: fc.nat(30) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('stall' as const, 'drain' as const), call: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('goaway' as const, 'retire' as const, 'peer closes' as const, 'close' as const, 'cut' as const), call: fc.nat(30) }) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const { breaker, outbound, rig } = opened();
        const calls: IdleCall[] = [];
        const feed = (bytes: Buffer): void => {
          if (rig.session.state !== 'closed') rig.feed(bytes);
        };
        for (const step of operations) {
          const target = calls[step.call % Math.max(1, calls.length)];
          if (step.do === 'send') {
            const call = new BodyCall('bytes' in step ? step.bytes : 0);
            try {
              if (outbound.isOpen) outbound.send(call, 1_000);
              calls.push(call);
            } catch (failure) {
              if (!MeshError.is(failure)) throw failure;
            }
          } else if (step.do === 'stall') rig.connection.stalled = true;
          else if (step.do === 'drain') {
            rig.connection.stalled = false;
            rig.connection.drain();
          } else if (step.do === 'goaway') feed(message(goAway, step.call));
          else if (step.do === 'retire') outbound.retire(() => {});
          else if (step.do === 'peer closes') feed(message(close, 0));
          else if (step.do === 'close') rig.session.close();
          else if (step.do === 'cut') rig.connection.onEnd({});
          else if (target === undefined) continue;
          else if (step.do === 'answer') feed(message(response, target.id));
          else if (step.do === 'error') feed(message(error, target.id, reply('broken')));
          else if (step.do === 'too large') outbound.onTooLarge(response, target.id, 2 ** 30);
          else outbound.abandon(target, step.do === 'time out' ? 0 : undefined);
          // At any time: those that are not back are those in flight.
          expect(breaker.settled.length + outbound.outstanding).toBe(breaker.admitted);
        }
        rig.connection.onEnd({});
        expect(outbound.outstanding).toBe(0);
        expect(breaker.settled.map(({ ticket }) => ticket).sort((a, b) => a - b)).toEqual(Array.from({ length: breaker.admitted }, (_, index) => index + 1));
      }),
      { numRuns: 300 },
    );
  });
});
