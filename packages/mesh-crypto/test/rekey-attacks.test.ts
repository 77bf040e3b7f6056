import { describe, expect, test } from '@jest/globals';
import { CHANNEL_RECORD_FLAG, MeshError } from '@lemur-bookstores/mesh-interface';
import { encodeControl } from '../src/channel/control-message.js';
import { RecordKeys } from '../src/channel/record-keys.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { AT_ONCE, deliver, endsOf, isControl, settle, withStolenKeys, type End, type Ends, type EndsOptions } from './support/rekeying-ends.js';
import { RogueEnd } from './support/rogue-end.js';
import { thrown, withChangedByte } from './support/vectors.js';

type Side = 'dialler' | 'acceptor';
const otherOf = (side: Side): Side => (side === 'dialler' ? 'acceptor' : 'dialler');
const wiped = (end: End): boolean => Object.values(end.keys).every((key) => key.equals(Buffer.alloc(32)));

/** What somebody between the ends makes of one record: what arrives in its place, given what came before. */
type Attack = (record: Buffer, before: readonly Buffer[], opposite: readonly Buffer[]) => readonly Buffer[];

interface Outcome {
  readonly ends: Ends;
  readonly sent: Record<Side, string[]>;
  readonly errors: unknown[];
  /** Records that arrived, by sender. */
  readonly records: Record<Side, Buffer[]>;
}

/** A session of three rekeys, one by each side and one by both, with data around every step; one record of it is attacked. */
function session(from?: Side, index?: number, attack?: Attack): Outcome {
  const ends = endsOf();
  const sent: Record<Side, string[]> = { dialler: [], acceptor: [] };
  const records: Record<Side, Buffer[]> = { dialler: [], acceptor: [] };
  const errors: unknown[] = [];
  const swapped: Buffer[] = [];
  const pass = (side: Side): void => {
    const record = ends[side].outbox.shift();
    if (record === undefined || errors.length > 0) return;
    const attacked = side === from && records[side].length === index ? (attack?.(record, records[side], records[otherOf(side)]) ?? [record]) : [record];
    records[side].push(record);
    const arriving = side === from ? [...attacked, ...swapped.splice(0)] : attacked;
    for (const one of arriving) {
      try {
        ends[otherOf(side)].take(Buffer.from(one));
      } catch (error) {
        errors.push(error);
        return;
      }
    }
    if (attack === swap && side === from && records[side].length === (index ?? 0) + 1) swapped.push(record);
  };
  const say = (): void => {
    for (const side of ['dialler', 'acceptor'] as const) {
      try {
        ends[side].send(`${side} ${sent[side].length}`);
        sent[side].push(`${side} ${sent[side].length}`);
      } catch {
        // Its channel has ended.
      }
    }
  };
  for (const starters of [['dialler'], ['acceptor'], ['dialler', 'acceptor']] as const) {
    say();
    for (const starter of starters) ends[starter].rekeying.rekey('manual');
    for (let round = 0; round < 6; round++) {
      pass('dialler');
      pass('acceptor');
    }
    say();
  }
  while (errors.length === 0 && ends.dialler.outbox.length + ends.acceptor.outbox.length > 0) {
    pass('dialler');
    pass('acceptor');
  }
  return { ends, sent, errors, records };
}

const drop: Attack = () => [];
/** Held back until the next one has arrived. */
const swap: Attack = () => [];
const repeat: Attack = (record) => [record, record];
const replayOldest: Attack = (record, before) => [...before.slice(0, 1), record];
const replayLast: Attack = (record, before) => [...before.slice(-1), record];
const reflect: Attack = (record, _before, opposite) => [...opposite.slice(-1), record];
const cutShort: Attack = (record) => [record.subarray(0, -1)];
const extend: Attack = (record) => [Buffer.concat([record, Buffer.alloc(1)])];
const asData: Attack = (record) => [Buffer.concat([Buffer.of(record[0]! ^ 0x80), record.subarray(1)])];
const nextEpoch: Attack = (record) => [Buffer.concat([Buffer.of((record[0]! & 0xf0) | ((record[0]! + 1) & 0x0f)), record.subarray(1)])];

/** Ended by an error of one end, which has wiped its keys; what was delivered is a beginning of what was sent. */
function expectEnded({ ends, sent, errors }: Outcome, victim: Side): void {
  expect(errors).toHaveLength(1);
  expect(MeshError.is(errors[0]) && ['record_invalid', 'protocol_violation'].includes(errors[0].reason)).toBe(true);
  expect(thrown(() => ends[victim].send('x'))).toMatchObject({ reason: 'session_closed' });
  expect(wiped(ends[victim])).toBe(true);
  for (const side of ['dialler', 'acceptor'] as const) {
    const { received } = ends[otherOf(side)];
    expect(received).toEqual(sent[side].slice(0, received.length));
  }
}

const whole = session();

test('left alone, that session is whole', () => {
  const { ends, sent, errors, records } = whole;
  expect(errors).toEqual([]);
  expect([ends.acceptor.received, ends.dialler.received]).toEqual([sent.dialler, sent.acceptor]);
  expect([ends.dialler.channel.epoch, ends.acceptor.channel.epoch]).toEqual([3, 3]);
  // INIT and DONE three times; REQUEST twice, RESP three times.
  expect([records.dialler.filter(isControl).length, records.acceptor.filter(isControl).length]).toEqual([6, 5]);
});

describe('somebody between the ends, at every record of it', () => {
  const attacks: Record<string, Attack> = { drop, swap, repeat, replayOldest, replayLast, reflect, cutShort, extend, asData, nextEpoch };
  test.each(Object.keys(attacks))('%s', (name) => {
    let attacked = 0;
    for (const side of ['dialler', 'acceptor'] as const) {
      // The last record of a direction has nothing behind it by which its loss would show.
      for (let index = 0; index < whole.records[side].length - 1; index++) {
        if ((name.startsWith('replay') || name === 'reflect') && index === 0) continue;
        const outcome = session(side, index, attacks[name]);
        expectEnded(outcome, otherOf(side));
        attacked++;
      }
    }
    expect(attacked).toBeGreaterThan(18);
  });

  test('any changed byte of any control record', () => {
    for (const side of ['dialler', 'acceptor'] as const) {
      whole.records[side].forEach((record, index) => {
        if (!isControl(record)) return;
        for (let position = 0; position < record.length; position++) expectEnded(session(side, index, (one) => [withChangedByte(one, position)]), otherOf(side));
      });
    }
  });

  test('any other header byte on a control record', () => {
    const index = whole.records.dialler.findIndex(isControl);
    const header = whole.records.dialler[index]![0]!;
    for (let other = 0; other < 256; other++) {
      if (other !== header) expectEnded(session('dialler', index, (one) => [Buffer.concat([Buffer.of(other), one.subarray(1)])]), 'acceptor');
    }
  });

  test('a record of the same header, from 16 epochs ago', () => {
    for (const kind of ['data', 'init', 'done'] as const) {
      const ends = endsOf();
      const { dialler, acceptor } = ends;
      const old: Record<string, Buffer> = {};
      for (let epoch = 0; epoch < 17; epoch++) {
        if (epoch === 1) old.data = dialler.send('once');
        dialler.rekeying.rekey('manual');
        if (epoch === 1) old.init = dialler.outbox.find(isControl)!;
        deliver(dialler, acceptor);
        deliver(acceptor, dialler);
        if (epoch === 0) old.done = dialler.outbox.find(isControl)!;
        settle(ends);
      }
      expect(dialler.channel.epoch).toBe(17);
      expect(old[kind]![0]! & 0x0f).toBe(1);
      expect(thrown(() => acceptor.take(old[kind]!))).toMatchObject({ reason: 'record_invalid' });
      expect(acceptor.received).toEqual(['once']);
    }
  });
});

describe('an authenticated peer that breaks the rules', () => {
  interface Case {
    readonly acceptor: End;
    readonly dialler: End;
    readonly rogue: RogueEnd;
  }
  /** The victim is the acceptor, its rogue the dialler. */
  const againstAcceptor = (options: EndsOptions = {}): Case => ({ ...endsOf(options), rogue: new RogueEnd('initiator') });
  const againstDialler = (options: EndsOptions = {}): Case => ({ ...endsOf(options), rogue: new RogueEnd('responder') });
  const answered = ({ acceptor, rogue }: Case): void => {
    acceptor.take(rogue.fresh('init'));
    rogue.derive(acceptor.outbox.shift()!);
  };
  const rotated = (one: Case): void => {
    answered(one);
    one.acceptor.take(one.rogue.control({ type: 'done' }));
  };
  const lowOrder = Buffer.alloc(32);
  const breaches: Record<string, (one: Case) => Buffer> = {
    'REQUEST to an acceptor': ({ rogue }) => rogue.control({ type: 'request' }),
    'RESP to an acceptor': ({ rogue }) => rogue.fresh('response'),
    'DONE before anything': ({ rogue }) => rogue.control({ type: 'done' }),
    'a second INIT before DONE': (one) => (answered(one), one.rogue.control({ type: 'init', epoch: 2, publicKey: one.rogue.keyPair.publicKey }, 0)),
    'the same INIT again': (one) => {
      const { publicKey } = one.rogue.keyPair;
      one.acceptor.take(one.rogue.control({ type: 'init', epoch: 1, publicKey }));
      return one.rogue.control({ type: 'init', epoch: 1, publicKey });
    },
    'INIT in place of DONE, under the new key': (one) => (answered(one), one.rogue.fresh('init')),
    'REQUEST in place of DONE, under the new key': (one) => (answered(one), one.rogue.control({ type: 'request' })),
    'data in place of DONE, under the new key': (one) => (answered(one), one.rogue.data('stolen')),
    'DONE under the old key': (one) => (answered(one), one.rogue.control({ type: 'done' }, 0)),
    'DONE twice': (one) => (rotated(one), one.rogue.control({ type: 'done' })),
    'data of the old epoch after DONE': (one) => (rotated(one), one.rogue.data('stolen', 0)),
    'INIT of the old epoch after DONE': (one) => (rotated(one), one.rogue.control({ type: 'init', epoch: 2, publicKey: one.rogue.keyPair.publicKey }, 0)),
    'INIT for the epoch after the next': ({ rogue }) => rogue.control({ type: 'init', epoch: 2, publicKey: rogue.keyPair.publicKey }),
    'INIT with a key of low order': ({ rogue }) => rogue.control({ type: 'init', epoch: 1, publicKey: lowOrder }),
    'an unknown control message': ({ rogue }) => rogue.raw(Buffer.of(5)),
    'an empty control record': ({ rogue }) => rogue.raw(Buffer.alloc(0)),
    'a control record that is too long': ({ rogue }) => rogue.raw(Buffer.alloc(38, 2)),
    'a large control record': ({ rogue }) => rogue.raw(Buffer.alloc(256 * 1024)),
    'two control messages in one record': ({ rogue }) => rogue.raw(Buffer.of(1, 1)),
    'INIT with another flag beside': ({ rogue }) => rogue.raw(encodeControl({ type: 'init', epoch: 1, publicKey: rogue.keyPair.publicKey }), 0, 0x90),
  };
  test.each(Object.keys(breaches))('%s: closed, all keys wiped, nothing of it delivered', (name) => {
    const one = againstAcceptor();
    const { acceptor } = one;
    const record = breaches[name]!(one);
    const written = acceptor.outbox.length;
    expect(thrown(() => acceptor.take(record))).toMatchObject({ reason: expect.stringMatching(/^(protocol_violation|record_invalid)$/) });
    expect(acceptor.received).toEqual([]);
    expect(wiped(acceptor)).toBe(true);
    expect(acceptor.outbox).toHaveLength(written);
    expect(thrown(() => acceptor.send('x'))).toMatchObject({ reason: 'session_closed' });
  });

  const initiated = ({ dialler }: Case): void => void dialler.rekeying.rekey('manual');
  const breachesOfAcceptor: Record<string, (one: Case) => Buffer> = {
    'INIT to a dialler': ({ rogue }) => rogue.fresh('init'),
    'DONE to a dialler': (one) => (initiated(one), one.rogue.control({ type: 'done' })),
    'RESP before INIT': ({ rogue }) => rogue.fresh('response'),
    'RESP twice': (one) => {
      initiated(one);
      const { publicKey } = one.rogue.keyPair;
      one.dialler.take(one.rogue.control({ type: 'response', epoch: 1, publicKey }));
      return one.rogue.control({ type: 'response', epoch: 1, publicKey });
    },
    'RESP for another epoch': (one) => (initiated(one), one.rogue.control({ type: 'response', epoch: 17, publicKey: one.rogue.keyPair.publicKey })),
    'RESP with a key of low order': (one) => (initiated(one), one.rogue.control({ type: 'response', epoch: 1, publicKey: lowOrder })),
    'data of the old epoch after RESP': (one) => {
      initiated(one);
      one.dialler.take(one.rogue.control({ type: 'response', epoch: 1, publicKey: one.rogue.keyPair.publicKey }));
      return one.rogue.data('stolen', 0);
    },
  };
  test.each(Object.keys(breachesOfAcceptor))('%s: the same', (name) => {
    const one = againstDialler();
    const { dialler } = one;
    const record = breachesOfAcceptor[name]!(one);
    expect(thrown(() => dialler.take(record))).toMatchObject({ reason: expect.stringMatching(/^(protocol_violation|record_invalid)$/) });
    expect(dialler.received).toEqual([]);
    expect(wiped(dialler)).toBe(true);
  });

  test('data of the next epoch before RESP: the same', () => {
    const { dialler, rogue } = againstDialler();
    dialler.rekeying.rekey('manual');
    rogue.derive(dialler.outbox[0]!);
    expect(thrown(() => dialler.take(rogue.data('stolen')))).toMatchObject({ reason: 'record_invalid' });
    expect(dialler.received).toEqual([]);
  });

  test('a control record that is too long is not even opened', () => {
    const { acceptor } = againstAcceptor();
    expect(thrown(() => acceptor.take(Buffer.alloc(17 + 38, CHANNEL_RECORD_FLAG)))).toMatchObject({ reason: 'protocol_violation' });
  });

  test('INIT as fast as it is allowed: ten RESPs a second, and no key agreement more', async () => {
    let agreements = 0;
    const primitives = {
      ...nodePrimitives,
      generateKeyPair: () => {
        const pair = nodePrimitives.generateKeyPair();
        return { publicKey: pair.publicKey, destroy: () => pair.destroy(), dh: (theirs: Uint8Array) => (agreements++, pair.dh(theirs)) };
      },
    };
    const ends = { ...endsOf({ primitives: [nodePrimitives, primitives], rotation: {} }), rogue: new RogueEnd('initiator') };
    const { acceptor, rogue, clock } = ends;
    let responses = 0;
    acceptor.take(rogue.fresh('init'));
    for (let ms = 0; ms < 9_999; ms++) {
      const response = acceptor.outbox.shift();
      if (response !== undefined) {
        responses++;
        rogue.derive(response);
        acceptor.take(rogue.control({ type: 'done' }));
        acceptor.take(rogue.fresh('init'));
      }
      await clock.advance(1);
    }
    expect(responses).toBe(100);
    expect(agreements).toBe(100);
  });

  test('REQUEST as fast as it likes: ten INITs a second, whatever else it sends ignored', async () => {
    const ends = { ...endsOf({ rotation: {} }), rogue: new RogueEnd('responder') };
    const { dialler, rogue, clock } = ends;
    let inits = 0;
    for (let ms = 0; ms < 2_000; ms++) {
      for (let index = 0; index < 3; index++) dialler.take(rogue.control({ type: 'request' }));
      for (const record of dialler.outbox.splice(0)) {
        if (record.length !== 17 + 37) {
          rogue.read(record);
          continue;
        }
        inits++;
        const response = rogue.fresh('response');
        rogue.derive(record);
        dialler.take(response);
      }
      await clock.advance(1);
    }
    expect(inits).toBe(20);
  });
});

describe('who has stolen all keys of an epoch', () => {
  /** The plaintext, if any of these keys opens a record, under any nonce it may have had. */
  const openWith = (keys: readonly Buffer[], record: Buffer): Buffer | undefined => {
    const nonce = Buffer.alloc(12);
    for (const key of keys) {
      for (let counter = 0; counter < 64; counter++) {
        nonce.writeUInt32BE(counter, 8);
        try {
          return nodePrimitives.aead('AESGCM').open(key, nonce, record.subarray(0, 1), record.subarray(1));
        } catch {
          // Not this one.
        }
      }
    }
    return undefined;
  };
  const opensWith = (keys: readonly Buffer[], record: Buffer): boolean => openWith(keys, record) !== undefined;

  test('and listens only: opens what is sent until the rekey, and nothing after it, in neither direction (PROTOCOL 3.9)', () => {
    const stolen: Buffer[] = [];
    const ends = endsOf({ primitives: [withStolenKeys(nodePrimitives, stolen), nodePrimitives] });
    const { dialler, acceptor } = ends;
    const rekey = (): void => {
      dialler.rekeying.rekey('manual');
      settle(ends);
    };
    rekey();
    rekey();
    // Everything of epoch 2, from memory of the dialler, just before the rekey to epoch 3.
    const [rekeySecret, kIR, kRI] = stolen.slice(-3) as [Buffer, Buffer, Buffer];
    stolen.length = 0;
    const during = [dialler.send('still epoch 2'), acceptor.send('still epoch 2')];
    for (const record of during) expect(opensWith([kIR, kRI], record)).toBe(true);
    settle(ends);

    dialler.rekeying.rekey('manual');
    const init = dialler.outbox[0]!;
    deliver(dialler, acceptor);
    const response = acceptor.outbox[0]!;
    settle(ends);
    // INIT and RESP are open to it: it has both public keys.
    const publicKeys = [openWith([kIR], init), openWith([kRI], response)].map((message) => message!.subarray(5));
    expect(dialler.channel.epoch).toBe(3);
    const after = [dialler.send('epoch 3'), acceptor.send('epoch 3'), dialler.send('more', 0x10)];
    settle(ends);
    rekey();
    after.push(dialler.send('epoch 4'), acceptor.send('epoch 4'));
    const loot = [rekeySecret, kIR, kRI, ...publicKeys];
    for (const record of after) expect(opensWith(loot, record)).toBe(false);
    // With the keys that really were in use the same code opens them: it is not the code that fails.
    for (const record of after) expect(opensWith(stolen, record)).toBe(true);
  });

  test('what was sent before the theft stays closed: the keys of an epoch open nothing of an earlier one', () => {
    const stolen: Buffer[] = [];
    const ends = endsOf({ primitives: [withStolenKeys(nodePrimitives, stolen), nodePrimitives] });
    const { dialler, acceptor } = ends;
    const before = [dialler.send('epoch 0'), acceptor.send('epoch 0')];
    settle(ends);
    dialler.rekeying.rekey('manual');
    settle(ends);
    expect(stolen).toHaveLength(3);
    for (const record of before) {
      expect(opensWith(stolen, record)).toBe(false);
      expect(opensWith([Buffer.alloc(32, 1), Buffer.alloc(32, 2)], record)).toBe(true);
    }
  });

  /** With the nonce that is due: DONE was the dialler's first record of the epoch. */
  function forgedUnder(key: Buffer, epoch: number, receiver: 'acceptor' | 'dialler'): Buffer {
    const keys = new RecordKeys(nodePrimitives.aead('AESGCM'), Buffer.from(key), { epoch });
    if (receiver === 'acceptor') keys.seal(0, [Buffer.from('in the place of DONE')], 20);
    return keys.seal(0, [Buffer.from('forged')], 6);
  }

  test.each(['acceptor', 'dialler'] as const)('a message under any retired key is refused by the %s, whatever epoch its header names', (name) => {
    const EPOCHS = 17;
    for (let retired = 0; retired < EPOCHS; retired++) {
      for (const header of new Set([retired, EPOCHS])) {
        const stolen: Buffer[] = [];
        const ends = endsOf({ rotation: AT_ONCE, primitives: [withStolenKeys(nodePrimitives, stolen), nodePrimitives] });
        for (let epoch = 0; epoch < EPOCHS; epoch++) {
          ends.dialler.rekeying.rekey('manual');
          settle(ends);
        }
        expect(ends[name].channel.epoch).toBe(EPOCHS);
        // rk, then the keys of both directions, for each epoch from the first rekey on; before it, what the handshake gave.
        const keys = retired === 0 ? [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] : stolen.slice(3 * retired - 2, 3 * retired);
        const key = keys[name === 'acceptor' ? 0 : 1] as Buffer;
        expect(thrown(() => ends[name].take(forgedUnder(key, header, name)))).toMatchObject({ reason: 'record_invalid' });
        expect(ends[name].received).toEqual([]);
      }
    }
  });

  test('the same record under the key in use is taken: it is the key that is refused', () => {
    const stolen: Buffer[] = [];
    const ends = endsOf({ rotation: AT_ONCE, primitives: [withStolenKeys(nodePrimitives, stolen), nodePrimitives] });
    for (let epoch = 0; epoch < 17; epoch++) {
      ends.dialler.rekeying.rekey('manual');
      settle(ends);
    }
    const [kIR, kRI] = stolen.slice(-2) as [Buffer, Buffer];
    ends.acceptor.take(forgedUnder(kIR, 17, 'acceptor'));
    ends.dialler.take(forgedUnder(kRI, 17, 'dialler'));
    expect([ends.acceptor.received, ends.dialler.received]).toEqual([['forged'], ['forged']]);
  });
});
