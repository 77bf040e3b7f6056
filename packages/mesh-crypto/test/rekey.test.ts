import { describe, expect, test } from '@jest/globals';
import type { RekeyTrigger } from '@lemur-bookstores/mesh-interface';
import type { ControlMessage } from '../src/channel/control-message.js';
import { LAST_EPOCH, Rekey, type ReceivingKey, type RekeyEffect, type RekeyState } from '../src/channel/rekey.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { noblePrimitives } from '../src/primitives/noble-primitives.js';
import { HANDSHAKE_HASH } from './support/rekeying-ends.js';
import { thrown } from './support/vectors.js';

type Role = 'initiator' | 'responder';

function rekeyOf(role: Role, { minIntervalMs = 0, epoch = 0, primitives = nodePrimitives } = {}): { rekey: Rekey; secret: Buffer } {
  const secret = Buffer.alloc(32, 3);
  return { rekey: new Rekey({ role, primitives, handshakeHash: HANDSHAKE_HASH, rekeySecret: secret, minIntervalMs, epoch }), secret };
}

const theirKey = (): Uint8Array => nodePrimitives.generateKeyPair().publicKey;
const init = (epoch = 1): ControlMessage => ({ type: 'init', epoch, publicKey: theirKey() });
const response = (epoch = 1): ControlMessage => ({ type: 'response', epoch, publicKey: theirKey() });

/** Effects in short: what is sent, what is switched. */
const brief = (effects: readonly RekeyEffect[]): string[] =>
  effects.map((effect) => {
    switch (effect.type) {
      case 'send':
        return effect.message.type;
      case 'switch':
        return `switch ${effect.direction}`;
      case 'wait':
        return `wait ${effect.ms}`;
      case 'derived':
        return `derived ${effect.epoch}`;
      case 'rotated':
        return `rotated: ${effect.trigger}`;
      default:
        return effect.type;
    }
  });

/** Brings a fresh rekey into a state, at time 0 with waits of 100 ms. */
const REACH: Record<Role, Partial<Record<RekeyState['name'], (rekey: Rekey) => void>>> = {
  initiator: {
    idle: () => undefined,
    waiting: (rekey) => {
      rekey.start('manual', -50);
      rekey.receive(response(1), 'present', -50);
      rekey.start('manual', 0);
    },
    initiated: (rekey) => void rekey.start('manual', 0),
    over: (rekey) => rekey.destroy(),
  },
  responder: {
    idle: () => undefined,
    asked: (rekey) => void rekey.start('manual', 0),
    held: (rekey) => {
      rekey.receive(init(1), 'present', -50);
      rekey.receive({ type: 'done' }, 'next', -50);
      rekey.receive(init(2), 'present', 0);
    },
    answered: (rekey) => void rekey.receive(init(1), 'present', 0),
    over: (rekey) => rekey.destroy(),
  },
};

/** What each state makes of each message under the present and the next key; all else is a violation. */
const ACCEPTED: Record<string, readonly string[]> = {
  'initiator idle request': ['init'],
  'initiator waiting request': [],
  'initiator initiated request': [],
  'initiator over request': [],
  'initiator initiated response': ['derived 1', 'switch send', 'switch receive', 'done', 'rotated: manual'],
  'responder idle init present': ['derived 1', 'response', 'switch send'],
  'responder asked init present': ['derived 1', 'response', 'switch send'],
  'responder answered done next': ['switch receive', 'rotated: peer'],
};

describe('each message in each state, under either key', () => {
  const messages: Record<ControlMessage['type'], (epoch: number) => ControlMessage> = { request: () => ({ type: 'request' }), init, response, done: () => ({ type: 'done' }) };
  const cases = (['initiator', 'responder'] as const).flatMap((role) =>
    Object.keys(REACH[role]).flatMap((state) =>
      Object.keys(messages).flatMap((type) => (['present', 'next'] as const).map((key) => [role, state, type, key] as [Role, RekeyState['name'], ControlMessage['type'], ReceivingKey])),
    ),
  );
  test.each(cases)('%s, %s: %s under the %s key', (role, state, type, key) => {
    const { rekey } = rekeyOf(role, { minIntervalMs: 100 });
    REACH[role][state]?.(rekey);
    expect(rekey.state).toBe(state);
    const accepted = ACCEPTED[`${role} ${state} ${type}`] ?? ACCEPTED[`${role} ${state} ${type} ${key}`];
    const act = (): readonly RekeyEffect[] => rekey.receive(messages[type](1), key, 0);
    if (accepted === undefined) expect(thrown(act)).toMatchObject({ reason: 'protocol_violation' });
    else expect(brief(act())).toEqual(accepted);
  });
});

describe('epochs', () => {
  test.each([
    ['the present one', 5],
    ['the one before', 4],
    ['one too far', 7],
    ['0', 0],
    ['the same in the header', 22],
    ['the last', LAST_EPOCH],
  ])('INIT and RESP for %s are violations', (_what, epoch) => {
    const { rekey: acceptor } = rekeyOf('responder', { epoch: 5 });
    expect(thrown(() => acceptor.receive(init(epoch), 'present', 0))).toMatchObject({ reason: 'protocol_violation' });
    const { rekey: dialler } = rekeyOf('initiator', { epoch: 5 });
    dialler.start('manual', 0);
    expect(thrown(() => dialler.receive(response(epoch), 'present', 0))).toMatchObject({ reason: 'protocol_violation' });
  });

  test('2^32-1 is the last: nothing begins, nothing is taken, the session has to be replaced (PROTOCOL 3.6)', () => {
    for (const role of ['initiator', 'responder'] as const) {
      const { rekey } = rekeyOf(role, { epoch: LAST_EPOCH });
      expect(rekey.start('interval', 0)).toEqual([{ type: 'exhausted', trigger: 'interval' }]);
      expect(rekey.state).toBe('idle');
    }
    const { rekey: dialler } = rekeyOf('initiator', { epoch: LAST_EPOCH });
    expect(dialler.receive({ type: 'request' }, 'present', 0)).toEqual([{ type: 'exhausted', trigger: 'peer' }]);
    const { rekey: acceptor } = rekeyOf('responder', { epoch: LAST_EPOCH });
    for (const epoch of [0, 1, LAST_EPOCH]) expect(thrown(() => acceptor.receive(init(epoch), 'present', 0))).toMatchObject({ reason: 'protocol_violation' });
    const { rekey: lastButOne } = rekeyOf('responder', { epoch: LAST_EPOCH - 1 });
    expect(brief(lastButOne.receive(init(LAST_EPOCH), 'present', 0))[0]).toBe(`derived ${LAST_EPOCH}`);
  });
});

describe('the shortest interval (PROTOCOL 3.7)', () => {
  test('the dialler waits with INIT, the acceptor with RESP', () => {
    const { rekey: dialler } = rekeyOf('initiator', { minIntervalMs: 100 });
    expect(brief(dialler.start('records', 1_000))).toEqual(['init']);
    dialler.receive(response(1), 'present', 1_010);
    expect(brief(dialler.start('manual', 1_030))).toEqual(['wait 70']);
    expect(dialler.start('bytes', 1_040)).toEqual([]);
    expect(brief(dialler.proceed(1_100))).toEqual(['init']);
    expect(dialler.proceed(1_100)).toEqual([]);
    expect(brief(dialler.receive(response(2), 'present', 1_110)).at(-1)).toBe('rotated: manual');

    const { rekey: acceptor } = rekeyOf('responder', { minIntervalMs: 100 });
    expect(brief(acceptor.receive(init(1), 'present', 1_000))).toEqual(['derived 1', 'response', 'switch send']);
    acceptor.receive({ type: 'done' }, 'next', 1_001);
    expect(brief(acceptor.receive(init(2), 'present', 1_099))).toEqual(['wait 1']);
    expect(acceptor.proceed(1_100).map(({ type }) => type)).toEqual(['derived', 'send', 'switch']);
  });

  test('INIT again and again: the second before DONE is a violation, whether the first was answered or not', () => {
    for (const state of ['held', 'answered'] as const) {
      const { rekey } = rekeyOf('responder', { minIntervalMs: 100 });
      REACH.responder[state]?.(rekey);
      expect(thrown(() => rekey.receive(init(2), 'present', 0))).toMatchObject({ reason: 'protocol_violation' });
    }
  });
});

describe('commands', () => {
  test('while one is under way a second begins nothing', () => {
    for (const role of ['initiator', 'responder'] as const) {
      for (const [state, reach] of Object.entries(REACH[role])) {
        if (state === 'idle') continue;
        const { rekey } = rekeyOf(role, { minIntervalMs: 100 });
        reach(rekey);
        expect(rekey.start('manual', 0)).toEqual([]);
        expect(rekey.state).toBe(state);
      }
    }
  });

  test('who wanted it is told at the end', () => {
    const { rekey: asked } = rekeyOf('responder');
    asked.start('certificate', 0);
    asked.receive(init(1), 'present', 0);
    expect(brief(asked.receive({ type: 'done' }, 'next', 0)).at(-1)).toBe('rotated: certificate');
    for (const trigger of ['interval', 'records', 'bytes', 'manual', 'compromise'] satisfies RekeyTrigger[]) {
      const { rekey } = rekeyOf('initiator');
      rekey.start(trigger, 0);
      expect(brief(rekey.receive(response(1), 'present', 0)).at(-1)).toBe(`rotated: ${trigger}`);
    }
  });

  test('in a session that is about to end, what has not begun does not begin, unless the peer wants it', () => {
    for (const [trigger, state] of [['manual', 'idle'], ['peer', 'waiting']] as const) {
      const { rekey } = rekeyOf('initiator', { minIntervalMs: 100 });
      rekey.start('manual', 0);
      rekey.receive(response(1), 'present', 0);
      if (trigger === 'peer') rekey.receive({ type: 'request' }, 'present', 1);
      else rekey.start(trigger, 1);
      rekey.drain();
      expect(rekey.state).toBe(state);
    }
    const { rekey } = rekeyOf('initiator');
    rekey.start('manual', 0);
    rekey.drain();
    expect(brief(rekey.receive(response(1), 'present', 0))).toContain('done');
  });
});

describe('secrets', () => {
  const LOW_ORDER = [
    Buffer.alloc(32),
    Buffer.concat([Buffer.of(1), Buffer.alloc(31)]),
    Buffer.from('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800', 'hex'),
    Buffer.from('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157', 'hex'),
    Buffer.from('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'hex'),
    Buffer.from('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'hex'),
  ];
  test.each([nodePrimitives, noblePrimitives])('a key of low order would give a shared secret of zeros: a violation, on either side', (primitives) => {
    for (const publicKey of LOW_ORDER) {
      const { rekey: acceptor } = rekeyOf('responder', { primitives });
      expect(thrown(() => acceptor.receive({ type: 'init', epoch: 1, publicKey }, 'present', 0))).toMatchObject({ reason: 'protocol_violation' });
      const { rekey: dialler } = rekeyOf('initiator', { primitives });
      dialler.start('manual', 0);
      expect(thrown(() => dialler.receive({ type: 'response', epoch: 1, publicKey }, 'present', 0))).toMatchObject({ reason: 'protocol_violation' });
    }
  });

  test('rk is wiped as the next one is derived, and that one at the end', () => {
    const { rekey, secret } = rekeyOf('initiator');
    rekey.start('manual', 0);
    expect(secret.equals(Buffer.alloc(32, 3))).toBe(true);
    rekey.receive(response(1), 'present', 0);
    expect(secret.equals(Buffer.alloc(32))).toBe(true);
    const { rekey: other, secret: unused } = rekeyOf('responder');
    other.destroy();
    other.destroy();
    expect(unused.equals(Buffer.alloc(32))).toBe(true);
  });

  test('the shared secret is wiped, and the fresh key destroyed, also where the session ends first', () => {
    const shared: Buffer[] = [];
    let live = 0;
    const watched = {
      ...nodePrimitives,
      generateKeyPair: () => {
        const pair = nodePrimitives.generateKeyPair();
        live++;
        return { publicKey: pair.publicKey, dh: (theirs: Uint8Array) => (shared.push(pair.dh(theirs)), shared.at(-1)!), destroy: () => (live--, pair.destroy()) };
      },
    };
    const { rekey: dialler } = rekeyOf('initiator', { primitives: watched });
    dialler.start('manual', 0);
    dialler.receive(response(1), 'present', 0);
    rekeyOf('responder', { primitives: watched }).rekey.receive(init(1), 'present', 0);
    expect(shared.map((secret) => secret.equals(Buffer.alloc(32)))).toEqual([true, true]);
    expect(live).toBe(0);
    const { rekey: ended } = rekeyOf('initiator', { primitives: watched });
    ended.start('manual', 0);
    expect(live).toBe(1);
    ended.destroy();
    expect(live).toBe(0);
  });
});
