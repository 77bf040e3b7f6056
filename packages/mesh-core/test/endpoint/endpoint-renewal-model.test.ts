import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import { MessageKind } from '../../src/wire/message.js';
import { Endpoint } from '../../src/endpoint/endpoint.js';
import { FakeDialer, type Outcome } from '../support/fake-dialer.js';
import { IdleCall } from '../support/idle-call.js';
import { message } from '../support/wire.js';

type Step =
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'outcome'; readonly outcome: Outcome }
  | { readonly type: 'call' | 'renew' | 'goAway' | 'cut' | 'answer' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 12_000 }) }),
  fc.record({ type: fc.constant('outcome' as const), outcome: fc.constantFrom<Outcome>('connects', 'connects', new MeshError('connect_failed', 'nobody')) }),
  fc.record({ type: fc.constantFrom('call' as const, 'renew' as const, 'goAway' as const, 'cut' as const, 'answer' as const) }),
);

/** Dials, and counts how many are under way. */
class CountingDialer extends FakeDialer {
  underWay = 0;
  most = 0;

  override async dial(...parts: Parameters<FakeDialer['dial']>): ReturnType<FakeDialer['dial']> {
    this.most = Math.max(this.most, ++this.underWay);
    try {
      return await super.dial(...parts);
    } finally {
      this.underWay--;
    }
  }
}

test('whatever happens to an endpoint: one dial at a time, no call lost by a renewal, in the end one session', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const clock = new FakeClock();
      const dialer = new CountingDialer(clock);
      const listener = { onConnected: () => {}, onDisconnected: () => {}, onFailed: () => {} };
      const endpoint = new Endpoint({ id: 'server', host: 'h', port: 1 }, dialer.asDialer, clock, { initialMs: 100, maxMs: 5_000 }, listener);
      /** In flight, by session; those of a session that was cut are let go. */
      const inFlight = new Map<unknown, IdleCall[]>();
      const answer = (of: unknown): boolean => {
        const [call, ...rest] = inFlight.get(of) ?? [];
        if (call === undefined) return false;
        dialer.sessions.find(({ outbound }) => outbound === of)?.rig.feed(message(MessageKind.response, call.id));
        inFlight.set(of, rest);
        return true;
      };
      let [waitedMs, events] = [0, 0];
      endpoint.start();
      await clock.advance(0);
      for (const taken of steps) {
        const session = endpoint.session;
        const far = dialer.sessions.find(({ outbound }) => outbound === session)?.rig;
        switch (taken.type) {
          case 'wait':
            waitedMs += taken.ms;
            await clock.advance(taken.ms);
            break;
          case 'outcome':
            dialer.outcomes.set(1, taken.outcome);
            break;
          case 'renew':
            events++;
            endpoint.renew('key_rotation');
            break;
          case 'call':
            if (session === undefined) break;
            {
              const call = new IdleCall();
              session.send(call, 600_000);
              inFlight.set(session, [...(inFlight.get(session) ?? []), call]);
            }
            break;
          case 'goAway':
            events++;
            // All that were sent are taken up.
            far?.feed(message(MessageKind.goAway, 1_000));
            break;
          case 'cut':
            events++;
            far?.connection.onEnd({});
            if (session !== undefined) inFlight.delete(session);
            break;
          case 'answer':
            for (const of of inFlight.keys()) answer(of);
        }
        expect(dialer.most).toBeLessThanOrEqual(1);
        // Answers come far within the drain unless the steps waited long.
        if (waitedMs < 60_000) expect([...inFlight.values()].flat().map(({ failure }) => failure)).toEqual([...inFlight.values()].flat().map(() => undefined));
        const { state } = endpoint;
        expect(state.type === 'connected' ? state.session.session.state : state.type).not.toBe('closed');
      }
      // Each event may dial at once; else waits of 50 ms at least, which grow up to 5 s, lie between two.
      expect(dialer.attempts.length).toBeLessThanOrEqual(1 + 2 * events + 12 * (1 + events) + waitedMs / 2_500);
      // The acceptor that sent GOAWAY would have closed by then; here nobody does.
      for (const of of inFlight.keys()) while (answer(of));
      dialer.outcomes.delete(1);
      await clock.advance(120_000);
      expect([endpoint.session !== undefined, endpoint.sessions.length, clock.pendingTimers]).toEqual([true, 1, 0]);
      void endpoint.stop(0);
      await clock.advance(0);
      expect([endpoint.sessions.length, clock.pendingTimers]).toEqual([0, 0]);
    }),
    { numRuns: 300 },
  );
});
