import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { InboundSession } from '../../src/session/inbound-session.js';
import type { LiveSession } from '../../src/session/live-session.js';
import { OutboundSession } from '../../src/session/outbound-session.js';
import { completeSessionTimeout, SessionLifetimes } from '../../src/session/session-lifetimes.js';
import { MessageKind } from '../../src/wire/message.js';
import { IdleCall } from '../support/idle-call.js';
import { SessionRig } from '../support/session-rig.js';
import { message, thrown } from '../support/wire.js';

const { welcome } = MessageKind;

interface Lived {
  readonly live: LiveSession;
  /** What happened, and when, in ms. */
  readonly events: string[];
}

class Rig {
  readonly clock = new FakeClock();
  readonly lifetimes: SessionLifetimes;

  constructor(sessionTimeoutMs: number, random = 0.5) {
    this.lifetimes = new SessionLifetimes({ clock: this.clock, sessionTimeoutMs, drainMs: 10_000, random: () => random });
  }

  outbound(validForMs = Infinity, superseded = false): Lived & { readonly live: OutboundSession } {
    const events: string[] = [];
    const note = (what: string) => (): void => void events.push(`${what} ${Math.round(this.clock.monotonic())}`);
    const live = new OutboundSession({ onReady: () => {}, onRotated: () => {}, onSpent: () => {}, onVerified: () => {}, onDraining: note('draining'), onRenew: (cause) => note(`renew ${cause}`)(), onEnd: note('end') }, 10);
    const rig = new SessionRig('initiator', live);
    live.attach(rig.session);
    rig.feed(message(welcome, 0));
    return this.#opened(live, events, rig, validForMs, superseded);
  }

  inbound(validForMs = Infinity, superseded = false): Lived & { readonly live: InboundSession } {
    const events: string[] = [];
    const live = new InboundSession({ onRequest: () => {}, onRefused: () => {} }, 10, { onRotated: () => {}, onSpent: () => {}, onEnd: () => void events.push(`end ${Math.round(this.clock.monotonic())}`) });
    const rig = new SessionRig('responder', live);
    live.attach(rig.session);
    return this.#opened(live, events, rig, validForMs, superseded);
  }

  #opened<L extends LiveSession>(live: L, events: string[], rig: SessionRig, validForMs: number, superseded: boolean): Lived & { readonly live: L } {
    Object.assign(rig.near, { validForMs, superseded });
    Object.assign(rig.session, { openedAt: this.clock.monotonic() });
    this.lifetimes.opened(live);
    return { live, events };
  }
}

describe('a session whose static key was replaced during its handshake', () => {
  test('the dialler renews it within 5 s, the acceptor sends it away within 10 s; its own time stays the end', async () => {
    const rig = new Rig(100_000);
    const [out, within] = [rig.outbound(Infinity, true), rig.inbound(Infinity, true)];
    await rig.clock.advance(200_000);
    expect(out.events).toEqual(['renew key_rotation 2500', 'draining 100000', 'end 100000']);
    expect([within.events, within.live.session.retiredFor]).toEqual([['end 7500'], 'key_rotation']);
    expect(rig.clock.pendingTimers).toBe(0);
  });
});

describe('the dialler', () => {
  test.each([[0, 85_000], [0.5, 90_000], [1, 95_000]])('renews at 85 to 95 % of the session timeout (drawn: %s), and drains at the end of it', async (random, at) => {
    const rig = new Rig(100_000, random);
    const { events, live } = rig.outbound();
    await rig.clock.advance(200_000);
    expect(events).toEqual([`renew session_timeout ${at}`, 'draining 100000', 'end 100000']);
    expect([live.session.retiredFor, rig.clock.pendingTimers]).toEqual(['session_timeout', 0]);
  });

  test('calls in flight at the end have the time of a drain', async () => {
    const rig = new Rig(100_000);
    const { events, live } = rig.outbound();
    const call = new IdleCall();
    live.send(call, 600_000);
    await rig.clock.advance(109_999);
    expect([events.at(-1), call.failure]).toEqual(['draining 100000', undefined]);
    await rig.clock.advance(1);
    expect([events.at(-1), call.failure?.reason]).toEqual(['end 110000', 'connection_lost']);
  });

  test('goes by the certificate where that ends earlier', async () => {
    const rig = new Rig(86_400_000);
    const { events, live } = rig.outbound(3_600_000);
    await rig.clock.advance(4_000_000);
    expect(events).toEqual(['renew certificate_end 3240000', 'draining 3600000', 'end 3600000']);
    expect(live.session.retiredFor).toBe('certificate_end');
  });

  test.each([[5_000], [1_000], [0]])('does not renew for a certificate that ends in %s ms: sessions would follow each other ever faster', async (validForMs) => {
    const rig = new Rig(86_400_000);
    const { events } = rig.outbound(validForMs);
    await rig.clock.advance(10_000);
    expect(events).toEqual([`draining ${validForMs}`, `end ${validForMs}`]);
  });

  test('renews for a certificate that ends in 10 s when the session is 5 s old or more', async () => {
    const rig = new Rig(86_400_000, 0);
    const { events } = rig.outbound(5_500);
    await rig.clock.advance(5_500);
    expect(events[0]).toBe('renew certificate_end 5000');
  });

  test('a session timeout that is short is what was asked for', async () => {
    const rig = new Rig(1_000);
    const { events } = rig.outbound();
    await rig.clock.advance(1_000);
    expect(events[0]).toBe('renew session_timeout 900');
  });

  test('a wall clock that jumps changes nothing', async () => {
    const rig = new Rig(100_000);
    const { events } = rig.outbound(Infinity);
    for (const ms of [86_400_000, -3 * 86_400_000]) rig.clock.jump(ms);
    await rig.clock.advance(89_999);
    expect(events).toEqual([]);
  });
});

describe('the acceptor', () => {
  test.each([[100_000, Infinity, 105_000, 'session_timeout'], [86_400_000, Infinity, 86_430_000, 'session_timeout'], [86_400_000, 40_000, 42_000, 'certificate_end']])(
    'sends away after %s ms (certificate: %s ms) and a little what was not renewed',
    async (sessionTimeoutMs, validForMs, at, cause) => {
      const rig = new Rig(sessionTimeoutMs);
      const { events, live } = rig.inbound(validForMs);
      await rig.clock.advance(at - 1);
      expect(events).toEqual([]);
      await rig.clock.advance(1);
      expect([events, live.session.retiredFor]).toEqual([[`end ${at}`], cause]);
    },
  );
});

test('a session that ends, and a node that stops, leave no timer', async () => {
  const rig = new Rig(100_000);
  const [first, second] = [rig.outbound(), rig.inbound()];
  expect(rig.clock.pendingTimers).toBe(2);
  rig.lifetimes.ended(first.live);
  rig.lifetimes.ended(first.live);
  expect(rig.clock.pendingTimers).toBe(1);
  rig.lifetimes.stop();
  await rig.clock.advance(200_000);
  expect([rig.clock.pendingTimers, second.events]).toEqual([0, []]);
});

describe('sessionTimeoutMs', () => {
  test('is a day unless given', () => {
    expect([completeSessionTimeout(), completeSessionTimeout(undefined), completeSessionTimeout(1_000), completeSessionTimeout(30 * 86_400_000)]).toEqual([86_400_000, 86_400_000, 1_000, 2_592_000_000]);
  });

  test.each([999, 0, -1, 1_000.5, NaN, Infinity])('%s is refused, by its path', (value) => {
    expect(thrown(() => completeSessionTimeout(value))).toMatchObject({ reason: 'invalid_option', details: { problems: [expect.stringMatching(/^sessionTimeoutMs: /)] } });
  });
});
