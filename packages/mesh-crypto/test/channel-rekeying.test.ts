import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { CHANNEL_RECORD_FLAG, type RekeyTrigger } from '@lemur-bookstores/mesh-interface';
import { encodeControl } from '../src/channel/control-message.js';
import { LAST_EPOCH } from '../src/channel/rekey.js';
import { RecordKeys } from '../src/channel/record-keys.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { noblePrimitives } from '../src/primitives/noble-primitives.js';
import { AT_ONCE, deliver, endsOf, firstKeys, isControl, settle, silentEnd, type End, type Ends } from './support/rekeying-ends.js';
import { thrown } from './support/vectors.js';

const HOUR_MS = 3_600_000;
const triggersOf = (end: End): RekeyTrigger[] => end.rotations.map(({ trigger }) => trigger);
const wiped = (end: End): boolean => Object.values(end.keys).every((key) => key.equals(Buffer.alloc(32)));

/** Data goes both ways, in order, complete. */
function expectTalking(ends: Ends): void {
  const { dialler, acceptor } = ends;
  const [to, fro] = [acceptor.received.length, dialler.received.length];
  for (const text of ['one', 'two']) {
    dialler.send(`to ${text}`);
    acceptor.send(`fro ${text}`);
  }
  settle(ends);
  expect(acceptor.received.slice(to)).toEqual(['to one', 'to two']);
  expect(dialler.received.slice(fro)).toEqual(['fro one', 'fro two']);
}

describe.each(['aesgcm', 'chachapoly'] as const)('a rekey with %s', (suite) => {
  test('40 in a row, either side first, with data on the way: nothing lost, doubled or out of order, and the header wraps', () => {
    const ends = endsOf({ suite, primitives: [nodePrimitives, noblePrimitives] });
    const { dialler, acceptor } = ends;
    const sent: string[] = [];
    const headers = new Set<number>();
    for (let epoch = 1; epoch <= 40; epoch++) {
      const say = (): void => {
        const text = `${sent.length}`;
        sent.push(text);
        for (const end of [dialler, acceptor]) headers.add(end.send(text)[0]!);
      };
      say();
      (epoch % 2 === 0 ? dialler : acceptor).rekeying.rekey('manual');
      say();
      // One record at a time, and something new behind each: every step of the rekey has data around it.
      for (let step = 0; step < 12; step++) {
        deliver(dialler, acceptor, 1);
        say();
        deliver(acceptor, dialler, 1);
        say();
      }
      settle(ends);
      expect([dialler.channel.epoch, acceptor.channel.epoch]).toEqual([epoch, epoch]);
      expect(dialler.rekeying.usage.keyId).toBe(acceptor.rekeying.usage.keyId);
    }
    expect(acceptor.received).toEqual(sent);
    expect(dialler.received).toEqual(sent);
    expect([...headers].sort((left, right) => left - right)).toEqual(Array.from({ length: 16 }, (_, index) => index));
    expect(new Set(dialler.rotations.map(({ keyId }) => keyId)).size).toBe(40);
    expect(dialler.rotations.map(({ keyId }) => keyId)).toEqual(acceptor.rotations.map(({ keyId }) => keyId));
    for (const end of [dialler, acceptor]) expect(end.failure).toBeUndefined();
  });

  test('both sides at once: one rekey, and REQUEST is ignored', () => {
    const ends = endsOf({ suite });
    const { dialler, acceptor } = ends;
    dialler.rekeying.rekey('manual');
    acceptor.rekeying.rekey('records');
    settle(ends);
    expect([dialler.channel.epoch, acceptor.channel.epoch]).toEqual([1, 1]);
    expect([triggersOf(dialler), triggersOf(acceptor)]).toEqual([['manual'], ['records']]);
    expectTalking(ends);
  });

  test('the acceptor asks, and the dialler says that the peer wanted it', () => {
    const ends = endsOf({ suite });
    ends.acceptor.rekeying.rekey('bytes');
    expect(ends.acceptor.rekeying.pending).toBe(true);
    settle(ends);
    expect([triggersOf(ends.dialler), triggersOf(ends.acceptor)]).toEqual([['peer'], ['bytes']]);
    expectTalking(ends);
  });

  test('RESP is the last record of the acceptor under the old key, DONE the first of the dialler under the new one', () => {
    const ends = endsOf({ suite });
    const { dialler, acceptor } = ends;
    dialler.rekeying.rekey('manual');
    dialler.send('behind INIT');
    expect(dialler.outbox.map((record) => record[0])).toEqual([0x80, 0x00]);
    deliver(dialler, acceptor, 1);
    acceptor.send('behind RESP');
    expect(acceptor.outbox.map((record) => record[0])).toEqual([0x80, 0x01]);
    deliver(dialler, acceptor);
    deliver(acceptor, dialler, 1);
    dialler.send('behind DONE');
    expect(dialler.outbox.map((record) => record[0])).toEqual([0x81, 0x01]);
    settle(ends);
    expect([dialler.received, acceptor.received]).toEqual([['behind RESP'], ['behind INIT', 'behind DONE']]);
  });
});

describe('who has which epoch', () => {
  test('the dialler counts it with RESP, the acceptor with DONE: when the other is known to have it', () => {
    const { dialler, acceptor } = endsOf();
    dialler.rekeying.rekey('manual');
    deliver(dialler, acceptor);
    expect([acceptor.channel.epoch, acceptor.rekeying.pending, acceptor.rotations.length]).toEqual([0, true, 0]);
    deliver(acceptor, dialler);
    expect([dialler.channel.epoch, dialler.rekeying.pending, dialler.rotations.length]).toEqual([1, false, 1]);
    expect(acceptor.channel.epoch).toBe(0);
    deliver(dialler, acceptor);
    expect([acceptor.channel.epoch, acceptor.rekeying.pending, acceptor.rotations.length]).toEqual([1, false, 1]);
  });

  test('age and volume of the retired keys, at both ends, records of the rekey included', async () => {
    const ends = endsOf();
    const { dialler, acceptor, clock } = ends;
    const begun = clock.now();
    dialler.send('12345');
    dialler.send('678');
    acceptor.send('1');
    settle(ends);
    await clock.advance(1_000);
    dialler.rekeying.rekey('manual');
    settle(ends);
    // INIT and RESP have 37 bytes, DONE 1.
    const to = { records: 3, bytes: 8 + 37 };
    const fro = { records: 2, bytes: 1 + 37 };
    const common = { epoch: 0, keyId: expect.stringMatching(/^[0-9a-f]{32}$/), activatedAt: begun, ageMs: 1_000 };
    expect(dialler.rotations[0]).toMatchObject({ epoch: 1, retired: { ...common, sent: to, received: fro } });
    expect(acceptor.rotations[0]).toMatchObject({ epoch: 1, retired: { ...common, sent: fro, received: to } });
    await clock.advance(50);
    expect(dialler.rekeying.usage).toEqual({ keyId: dialler.rotations[0]!.keyId, epoch: 1, activatedAt: begun + 1_000, ageMs: 50, sent: { records: 1, bytes: 1 }, received: { records: 0, bytes: 0 } });
    dialler.channel.destroy();
    expect(dialler.rekeying.usage.sent).toEqual({ records: 1, bytes: 1 });
  });

  test('keys and secrets of the old epoch are zero as soon as PROTOCOL 3 says so', () => {
    const { dialler, acceptor } = endsOf();
    const zero = (key: Buffer): boolean => key.equals(Buffer.alloc(32));
    const { send: kIR, receive: kRI, rekeySecret } = dialler.keys;
    dialler.rekeying.rekey('manual');
    deliver(dialler, acceptor);
    // The acceptor still takes what comes under the old key; everything else of the epoch is gone.
    expect([acceptor.keys.rekeySecret, acceptor.keys.send, acceptor.keys.receive].map(zero)).toEqual([true, true, false]);
    expect([rekeySecret, kIR, kRI].map(zero)).toEqual([false, false, false]);
    deliver(acceptor, dialler);
    expect([rekeySecret, kIR, kRI].map(zero)).toEqual([true, true, true]);
    deliver(dialler, acceptor);
    expect(zero(acceptor.keys.receive)).toBe(true);
  });

  test('keys are not printed, in any state', () => {
    const { dialler, acceptor } = endsOf();
    dialler.rekeying.rekey('manual');
    deliver(dialler, acceptor);
    for (const end of [dialler, acceptor]) expect(inspect(end.channel, { depth: 12, showHidden: true })).not.toMatch(/01 01 01|02 02 02|03 03 03/);
  });
});

describe('the soft limit', () => {
  test('of age: the dialler begins, earlier than the acceptor would ask, idle or not, epoch after epoch', async () => {
    const ends = endsOf({ rotation: { interval: HOUR_MS } });
    const { dialler, acceptor, clock } = ends;
    for (let epoch = 1; epoch <= 3; epoch++) {
      await clock.advance(0.85 * HOUR_MS - 1);
      expect(dialler.outbox).toHaveLength(0);
      await clock.advance(1);
      expect(dialler.outbox).toHaveLength(1);
      settle(ends);
      expect([dialler.channel.epoch, acceptor.channel.epoch]).toEqual([epoch, epoch]);
    }
    expect(triggersOf(dialler)).toEqual(['interval', 'interval', 'interval']);
    expect(triggersOf(acceptor)).toEqual(['peer', 'peer', 'peer']);
    expect(clock.pendingTimers).toBe(2);
  });

  test('of age, for the acceptor with a shorter interval: it asks', async () => {
    const ends = endsOf({ rotation: { interval: HOUR_MS }, acceptorRotation: { interval: 60_000 } });
    await ends.clock.advance(60_000);
    settle(ends);
    expect([triggersOf(ends.dialler), triggersOf(ends.acceptor)]).toEqual([['peer'], ['interval']]);
  });

  test('of age, 30 days: neither at once nor never', async () => {
    const ends = endsOf({ rotation: { interval: 30 * 24 * HOUR_MS } });
    await ends.clock.advance(0.85 * 30 * 24 * HOUR_MS - 1);
    expect(ends.dialler.outbox).toHaveLength(0);
    await ends.clock.advance(1);
    settle(ends);
    expect(ends.dialler.channel.epoch).toBe(1);
  });

  test('the wall clock may jump: nothing happens', async () => {
    const ends = endsOf({ rotation: { interval: HOUR_MS } });
    for (const jump of [HOUR_MS, -2 * HOUR_MS, 24 * HOUR_MS]) {
      ends.clock.jump(jump);
      await ends.clock.advance(1);
    }
    expect(ends.dialler.outbox).toHaveLength(0);
    expectTalking(ends);
  });

  test.each(['dialler', 'acceptor'] as const)('of records, sent by the %s: after the last one has left, never within it', async (busy) => {
    const ends = endsOf({ rotation: { ...AT_ONCE, maxRecords: 16 } });
    const { clock } = ends;
    const [from, other] = busy === 'dialler' ? [ends.dialler, ends.acceptor] : [ends.acceptor, ends.dialler];
    for (let index = 0; index < 20; index++) from.send(`${index}`);
    // Nothing of a rekey yet: it would have overtaken the record it was noticed in.
    expect(from.outbox.some(isControl)).toBe(false);
    await clock.advance(0);
    expect(isControl(from.outbox.at(-1)!)).toBe(true);
    settle(ends);
    expect(from.channel.epoch).toBe(1);
    expect(triggersOf(from)).toEqual(['records']);
    expect(other.received).toHaveLength(20);
    expectTalking(ends);
  });

  test('of records, received: the acceptor asks where the dialler has other limits', async () => {
    const ends = endsOf({ acceptorRotation: { ...AT_ONCE, maxRecords: 16 } });
    for (let index = 0; index < 16; index++) ends.dialler.send('x');
    settle(ends);
    await ends.clock.advance(0);
    settle(ends);
    expect([triggersOf(ends.dialler), triggersOf(ends.acceptor)]).toEqual([['peer'], ['records']]);
  });

  test('of bytes', async () => {
    const ends = endsOf({ rotation: { ...AT_ONCE, maxBytes: 2 ** 20 } });
    for (let index = 0; index < 4; index++) ends.dialler.send('x'.repeat(2 ** 18));
    await ends.clock.advance(0);
    settle(ends);
    expect(triggersOf(ends.dialler)).toEqual(['bytes']);
  });

  test('reached between RESP and DONE: the acceptor asks again once the rekey is done', async () => {
    const ends = endsOf({ rotation: { ...AT_ONCE, maxRecords: 16 } });
    const { dialler, acceptor, clock } = ends;
    dialler.rekeying.rekey('manual');
    deliver(dialler, acceptor);
    for (let index = 0; index < 20; index++) acceptor.send(`${index}`);
    await clock.advance(0);
    settle(ends);
    await clock.advance(0);
    settle(ends);
    expect([dialler.channel.epoch, acceptor.channel.epoch]).toEqual([2, 2]);
    expect(triggersOf(acceptor)).toEqual(['peer', 'records']);
  });

  test('autoRotate: false stops the interval only', async () => {
    const ends = endsOf({ rotation: { autoRotate: false, maxRecords: 16 } });
    await ends.clock.advance(1_000 * HOUR_MS);
    expect(ends.dialler.outbox).toHaveLength(0);
    expectTalking(ends);
    for (let index = 0; index < 16; index++) ends.dialler.send('x');
    await ends.clock.advance(0);
    settle(ends);
    expect(triggersOf(ends.dialler)).toEqual(['records']);
  });

  test('no more than one rekey in the shortest interval, however often it is asked for', async () => {
    const ends = endsOf({ rotation: { minIntervalMs: 100 } });
    const { dialler, acceptor, clock } = ends;
    for (let ms = 0; ms < 1_000; ms += 10) {
      acceptor.rekeying.rekey('manual');
      settle(ends);
      await clock.advance(10);
      settle(ends);
    }
    // At 0, at 100, …, at 1,000.
    expect(dialler.channel.epoch).toBe(11);
    expectTalking(ends);
  });

  test('RESP is held back where the dialler is in more of a hurry', async () => {
    const ends = endsOf({ rotation: AT_ONCE, acceptorRotation: { minIntervalMs: 100 } });
    const { dialler, acceptor, clock } = ends;
    for (const epoch of [1, 2]) {
      dialler.rekeying.rekey('manual');
      settle(ends);
      expect(dialler.channel.epoch).toBe(1);
      if (epoch === 2) await clock.advance(99);
      expect(acceptor.outbox).toHaveLength(0);
    }
    expectTalking(ends);
    await clock.advance(1);
    settle(ends);
    expect(dialler.channel.epoch).toBe(2);
  });
});

describe('the hard limit (PROTOCOL 3.10)', () => {
  const rotation = { ...AT_ONCE, interval: 1_000, rejectAfterMs: 2_000, maxRecords: 16 };

  test('of records: sealing data stops, changes nothing, and goes on with the new key', async () => {
    const ends = endsOf({ rotation });
    const { dialler, acceptor, clock } = ends;
    for (let index = 0; index < 64; index++) dialler.send(`${index}`);
    expect(dialler.rekeying.holds).toBe(true);
    for (let attempt = 0; attempt < 100; attempt++) expect(thrown(() => dialler.send('more'))).toMatchObject({ reason: 'key_expired', code: 'UNAVAILABLE' });
    await clock.advance(0);
    expect(dialler.outbox).toHaveLength(65);
    deliver(dialler, acceptor);
    expect(dialler.heard).toEqual([]);
    deliver(acceptor, dialler);
    expect([dialler.heard, dialler.rekeying.holds]).toEqual([['resume'], false]);
    settle(ends);
    expect(acceptor.received).toHaveLength(64);
    expectTalking(ends);
  });

  test('of bytes: the same', async () => {
    const ends = endsOf({ rotation: { ...AT_ONCE, maxBytes: 2 ** 20 } });
    const { dialler, clock } = ends;
    for (let index = 0; index < 16; index++) {
      expect(dialler.rekeying.holds).toBe(false);
      dialler.send('x'.repeat(2 ** 18));
    }
    expect(dialler.rekeying.holds).toBe(true);
    expect(thrown(() => dialler.send('more'))).toMatchObject({ reason: 'key_expired' });
    await clock.advance(0);
    settle(ends);
    expectTalking(ends);
  });

  test('of age: the same, at both ends, and a late RESP still helps', async () => {
    const ends = endsOf({ rotation });
    const { dialler, acceptor, clock } = ends;
    // Half of what is between the limits before the hard one: what is on its way then is opened in time.
    await clock.advance(1_499);
    expect([dialler.rekeying.holds, acceptor.rekeying.holds]).toEqual([false, false]);
    await clock.advance(1);
    expect([dialler.rekeying.holds, acceptor.rekeying.holds]).toEqual([true, true]);
    for (const end of [dialler, acceptor]) expect(thrown(() => end.send('x'))).toMatchObject({ reason: 'key_expired' });
    settle(ends);
    expect([dialler.heard, acceptor.heard]).toEqual([['resume'], ['resume']]);
    expectTalking(ends);
  });

  test('of records: data that comes under such a key ends the session and is not delivered', () => {
    // A dialler that thinks otherwise of limits.
    const ends = endsOf({ rotation: { ...AT_ONCE, interval: HOUR_MS }, acceptorRotation: rotation });
    const { dialler, acceptor } = ends;
    for (let index = 0; index < 64; index++) dialler.send('x');
    deliver(dialler, acceptor);
    dialler.send('one more');
    expect(thrown(() => deliver(dialler, acceptor))).toMatchObject({ reason: 'key_expired' });
    expect(acceptor.received).toHaveLength(64);
    expect(wiped(acceptor)).toBe(true);
    expect(thrown(() => acceptor.send('x'))).toMatchObject({ reason: 'session_closed' });
  });

  test('of age: what was sealed in time is opened until the limit; data that comes under such a key ends the session and is not delivered', async () => {
    // A dialler that thinks otherwise of limits.
    const ends = endsOf({ rotation: { ...AT_ONCE, interval: HOUR_MS }, acceptorRotation: rotation });
    const { dialler, acceptor, clock } = ends;
    const [inTime, late] = [dialler.send('on its way'), dialler.send('too late')];
    await clock.advance(1_999);
    expect(acceptor.rekeying.holds).toBe(true);
    acceptor.take(inTime);
    await clock.advance(1);
    expect(acceptor.failure).toBeUndefined();
    expect(thrown(() => acceptor.take(late))).toMatchObject({ reason: 'key_expired' });
    expect([acceptor.received, wiped(acceptor)]).toEqual([['on its way'], true]);
    expect(thrown(() => acceptor.send('x'))).toMatchObject({ reason: 'session_closed' });
  });

  test('of age, at both ends: data that is on its way as it comes near does not end the session', async () => {
    const ends = endsOf({ rotation: { minIntervalMs: 0, interval: 100, rejectAfterMs: 400 } });
    const { dialler, acceptor, clock } = ends;
    for (let round = 1; round <= 20; round++) {
      await clock.advance(80);
      for (const end of [dialler, acceptor]) end.send(`${round}`);
      // Both are held up, and then find all of it at once.
      await clock.advance(310);
      expect([dialler.rekeying.holds, acceptor.rekeying.holds]).toEqual([true, true]);
      settle(ends);
      expect([dialler.channel.epoch, acceptor.channel.epoch]).toEqual([round, round]);
    }
    expect([acceptor.received.length, dialler.received.length]).toEqual([20, 20]);
    expectTalking(ends);
  });

  test('control records pass it, 16 of them, to seal and to open', () => {
    const limit = { ageMs: Infinity, records: 2, bytes: 2 ** 20 };
    const [sealing, opening, free] = [0, 1, 2].map(() => new RecordKeys(nodePrimitives.aead('AESGCM'), Buffer.alloc(32, 1))) as [RecordKeys, RecordKeys, RecordKeys];
    for (const keys of [sealing, opening]) keys.limit(limit, limit, () => undefined);
    const seal = (keys: RecordKeys): Buffer => keys.seal(CHANNEL_RECORD_FLAG, [Buffer.of(1)], 1);
    for (let index = 0; index < 2 + 16; index++) {
      const record = seal(free);
      expect(seal(sealing)).toEqual(record);
      expect(opening.open(record)).toEqual(Buffer.of(1));
    }
    expect(thrown(() => seal(sealing))).toMatchObject({ reason: 'key_expired' });
    expect(thrown(() => opening.open(seal(free)))).toMatchObject({ reason: 'key_expired' });
  });

  test('reached with autoRotate: false: a rekey begins in any case', async () => {
    const ends = endsOf({ rotation: { ...AT_ONCE, autoRotate: false, rejectAfterMs: 5_000 } });
    await ends.clock.advance(5_000);
    expect(ends.dialler.rekeying.holds).toBe(true);
    settle(ends);
    expect(triggersOf(ends.dialler)).toEqual(['interval']);
    expectTalking(ends);
  });

  test("of the acceptor's old key, between RESP and DONE", async () => {
    const ends = endsOf({ rotation: { ...AT_ONCE, autoRotate: false }, acceptorRotation: { ...AT_ONCE, autoRotate: false, rejectAfterMs: HOUR_MS } });
    const { dialler, acceptor, clock } = ends;
    await clock.advance(HOUR_MS - 10_000);
    dialler.rekeying.rekey('manual');
    deliver(dialler, acceptor);
    const [inTime, late] = [dialler.send('in time'), dialler.send('late')];
    await clock.advance(9_999);
    acceptor.take(inTime);
    await clock.advance(1);
    expect([acceptor.rekeying.holds, acceptor.failure]).toEqual([false, undefined]);
    acceptor.send('with the new key');
    expect(thrown(() => acceptor.take(late))).toMatchObject({ reason: 'key_expired' });
    expect(acceptor.received).toEqual(['in time']);
  });
});

describe('a peer that does not do its part (PROTOCOL 3.8)', () => {
  test.each([
    ['INIT does not come', 'acceptor', (): void => undefined],
    ['RESP does not come', 'dialler', (): void => undefined],
    ['DONE does not come', 'acceptor', ({ dialler, acceptor }: Ends): void => deliver(dialler, acceptor)],
  ] as const)('%s within 30 s: the %s is told once, and the session ends at the hard limit', async (_what, name, prepare) => {
    const ends = endsOf({ rotation: { interval: HOUR_MS } });
    const { clock } = ends;
    const waiting = ends[name];
    const first = name === 'acceptor' && _what.startsWith('INIT') ? ends.acceptor : ends.dialler;
    first.rekeying.rekey('manual');
    prepare(ends);
    await clock.advance(29_999);
    expect(waiting.heard).toEqual([]);
    await clock.advance(1);
    expect([waiting.heard, waiting.spentBy]).toEqual([['spent: no-answer'], _what.startsWith('DONE') ? 'peer' : 'manual']);
    expect(waiting.rekeying.rekey('manual')).toBe(false);
    // It is good for what is in flight until then.
    waiting.send('in flight');
    await clock.advance(2 * HOUR_MS - 30_001);
    expect(waiting.failure).toBeUndefined();
    await clock.advance(1);
    expect(waiting.failure).toMatchObject({ reason: 'key_expired' });
    expect(wiped(waiting)).toBe(true);
    expect(waiting.heard).toEqual(['spent: no-answer']);
  });

  test('at the hard limit first: held until the 30 s are over, then ended', async () => {
    const ends = endsOf({ rotation: { ...AT_ONCE, interval: 1_000, rejectAfterMs: 2_000 } });
    const { dialler, clock } = ends;
    await clock.advance(30_849);
    expect([dialler.rekeying.holds, dialler.failure]).toEqual([true, undefined]);
    await clock.advance(1);
    expect(dialler.heard).toEqual(['spent: no-answer']);
    expect(dialler.failure).toMatchObject({ reason: 'key_expired' });
  });

  test('and then all records of a key are used: ended at once', async () => {
    const ends = endsOf({ rotation: { ...AT_ONCE, maxRecords: 16 } });
    const { dialler, clock } = ends;
    dialler.rekeying.rekey('manual');
    await clock.advance(30_000);
    while (!dialler.rekeying.holds) dialler.send('x');
    expect(dialler.failure).toBeUndefined();
    await clock.advance(0);
    expect(dialler.failure).toMatchObject({ reason: 'key_expired' });
  });

  test('the same for the key it receives with', async () => {
    const ends = endsOf({ rotation: { ...AT_ONCE, maxRecords: 16 }, acceptorRotation: AT_ONCE });
    const { dialler, acceptor, clock } = ends;
    dialler.rekeying.rekey('manual');
    await clock.advance(30_000);
    for (let index = 0; index < 64; index++) acceptor.send('x');
    deliver(acceptor, dialler);
    await clock.advance(0);
    expect([dialler.failure?.reason, dialler.received.length]).toEqual(['key_expired', 64]);
  });

  test('one that is late a second time: said once', async () => {
    const ends = endsOf({ rotation: AT_ONCE });
    const { dialler, acceptor, clock } = ends;
    dialler.rekeying.rekey('manual');
    await clock.advance(31_000);
    settle(ends);
    acceptor.rekeying.rekey('manual');
    deliver(acceptor, dialler);
    expect([dialler.channel.epoch, dialler.rekeying.pending]).toEqual([1, true]);
    await clock.advance(31_000);
    expect(dialler.heard).toEqual(['spent: no-answer']);
  });

  test('one that does it late after all: the rekey is completed', async () => {
    const ends = endsOf({ rotation: { interval: HOUR_MS } });
    ends.dialler.rekeying.rekey('manual');
    await ends.clock.advance(40_000);
    settle(ends);
    expect([ends.dialler.channel.epoch, ends.acceptor.channel.epoch]).toEqual([1, 1]);
    expectTalking(ends);
  });
});

describe('the last epoch (PROTOCOL 3.6)', () => {
  test('2^32-1 is reached, counted, and not left: the session is to be replaced, and ends at the hard limit', async () => {
    const ends = endsOf({ epoch: LAST_EPOCH - 2, rotation: { ...AT_ONCE, interval: 1_000, rejectAfterMs: 2_000 } });
    const { dialler, acceptor, clock } = ends;
    for (const epoch of [LAST_EPOCH - 1, LAST_EPOCH]) {
      await clock.advance(850);
      settle(ends);
      expect([dialler.channel.epoch, acceptor.channel.epoch]).toEqual([epoch, epoch]);
    }
    expectTalking(ends);
    await clock.advance(999);
    expect(dialler.heard).toEqual(['spent: epochs']);
    expect(acceptor.heard).toEqual(['spent: epochs']);
    expect(dialler.outbox).toHaveLength(0);
    expectTalking(ends);
    await clock.advance(1_001);
    for (const end of [dialler, acceptor]) {
      expect(end.failure).toMatchObject({ reason: 'key_expired' });
      expect(end.heard).toHaveLength(1);
    }
  });

  test('asked for by hand, it is said at once', () => {
    const { dialler } = endsOf({ epoch: LAST_EPOCH });
    expect(dialler.rekeying.rekey('manual')).toBe(false);
    expect([dialler.heard, dialler.spentBy]).toEqual([['spent: epochs'], 'manual']);
  });

  test('a peer that asks again and again: said once', () => {
    const { dialler } = endsOf({ epoch: LAST_EPOCH });
    const rogue = new RecordKeys(nodePrimitives.aead('AESGCM'), firstKeys('responder').send, { epoch: LAST_EPOCH });
    const request = encodeControl({ type: 'request' });
    for (let i = 0; i < 3; i++) dialler.rekeying.receive(rogue.seal(CHANNEL_RECORD_FLAG, [request], request.length));
    expect([dialler.heard, dialler.spentBy]).toEqual([['spent: epochs'], 'peer']);
  });
});

describe('a session that is about to end', () => {
  test('a rekey that is open finishes', () => {
    const ends = endsOf();
    ends.dialler.rekeying.rekey('manual');
    for (const end of [ends.dialler, ends.acceptor]) end.rekeying.drain();
    settle(ends);
    expect([ends.dialler.channel.epoch, ends.acceptor.channel.epoch]).toEqual([1, 1]);
    expectTalking(ends);
  });

  test('none begins, until a hard limit is near', async () => {
    const ends = endsOf({ rotation: { ...AT_ONCE, interval: 1_000, rejectAfterMs: 8_000, maxRecords: 100 } });
    const { dialler, acceptor, clock } = ends;
    for (const end of [dialler, acceptor]) {
      end.rekeying.drain();
      end.rekeying.drain();
      expect(end.rekeying.rekey('manual')).toBe(false);
    }
    for (let index = 0; index < 300; index++) dialler.send('x');
    // It seals until 4,500 ms; 7/8 of that.
    await clock.advance(3_936);
    expect(dialler.outbox.some(isControl)).toBe(false);
    await clock.advance(1);
    expect(isControl(dialler.outbox.at(-1)!)).toBe(true);
    settle(ends);
    expect(triggersOf(dialler)).toEqual(['interval']);
    for (let index = 0; index < 348; index++) dialler.send('x');
    await clock.advance(0);
    expect(dialler.outbox.some(isControl)).toBe(false);
    dialler.send('the 350th, DONE included');
    await clock.advance(0);
    settle(ends);
    expect(triggersOf(dialler)).toEqual(['interval', 'records']);
    expectTalking(ends);
  });

  test('a soft limit that is reached, a rekey that waits for its turn: neither begins one', async () => {
    const ends = endsOf({ rotation: { maxRecords: 16 } });
    const { dialler, clock } = ends;
    dialler.rekeying.rekey('manual');
    settle(ends);
    expect([dialler.rekeying.rekey('manual'), dialler.outbox.length]).toEqual([true, 0]);
    for (let index = 0; index < 20; index++) dialler.send('x');
    dialler.rekeying.drain();
    await clock.advance(1_000);
    expect(dialler.outbox.some(isControl)).toBe(false);
    expect(dialler.rekeying.pending).toBe(false);
  });

  test('drained between RESP and DONE: the new keys too are replaced near their hard limit only', async () => {
    const ends = endsOf({ rotation: { ...AT_ONCE, maxRecords: 16 } });
    const { dialler, acceptor, clock } = ends;
    dialler.rekeying.rekey('manual');
    deliver(dialler, acceptor);
    for (const end of [dialler, acceptor]) end.rekeying.drain();
    settle(ends);
    for (let index = 0; index < 40; index++) acceptor.send('x');
    await clock.advance(0);
    expect(acceptor.outbox.some(isControl)).toBe(false);
    for (let index = 0; index < 16; index++) acceptor.send('x');
    await clock.advance(0);
    settle(ends);
    expect(triggersOf(acceptor)).toEqual(['peer', 'records']);
  });

  test('the peer that asks for one gets it: it asks near its hard limit only', () => {
    const ends = endsOf();
    ends.dialler.rekeying.drain();
    ends.acceptor.rekeying.rekey('interval');
    settle(ends);
    expect(triggersOf(ends.dialler)).toEqual(['peer']);
  });
});

describe('around a channel', () => {
  test('one that does not rekey takes no control record, and has no limits', () => {
    const { dialler } = endsOf();
    dialler.rekeying.rekey('manual');
    const silent = silentEnd();
    expect(silent.rekeying.rekey('manual')).toBe(false);
    expect([silent.rekeying.holds, silent.rekeying.pending]).toEqual([false, false]);
    for (let index = 0; index < 100; index++) silent.send('x');
    expect(thrown(() => silent.take(dialler.outbox[0]!))).toMatchObject({ reason: 'protocol_violation' });
    expect(wiped(silent)).toBe(true);
  });

  test('begins once, and not after its end', () => {
    const { dialler } = endsOf();
    expect(thrown(() => dialler.begin())).toMatchObject({ reason: 'invalid_option' });
    const silent = silentEnd();
    silent.channel.destroy();
    expect(thrown(() => silent.begin())).toMatchObject({ reason: 'session_closed' });
  });

  test('the flag of control records is no longer for data, to seal or to open', () => {
    const { dialler, acceptor } = endsOf();
    for (const flags of [0x80, 0x90, 0xf0]) expect(thrown(() => dialler.send('x', flags))).toMatchObject({ reason: 'invalid_option' });
    dialler.rekeying.rekey('manual');
    expect(thrown(() => acceptor.channel.open(dialler.outbox[0]!))).toMatchObject({ reason: 'record_invalid' });
    expect(wiped(acceptor)).toBe(true);
  });

  test('after its end: nothing works, no timer is left, nothing is heard', async () => {
    const { dialler, acceptor, clock } = endsOf({ rotation: { ...AT_ONCE, interval: 1_000 } });
    dialler.rekeying.rekey('manual');
    deliver(dialler, acceptor);
    const response = acceptor.outbox[0]!;
    for (const end of [dialler, acceptor]) {
      end.channel.destroy();
      expect(end.rekeying.rekey('manual')).toBe(false);
      end.rekeying.drain();
      expect(wiped(end)).toBe(true);
    }
    expect(thrown(() => dialler.take(response))).toMatchObject({ reason: 'session_closed' });
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(100_000);
    expect([dialler.heard, acceptor.heard, dialler.failure]).toEqual([[], [], undefined]);
  });

  test('a session that ends its channel from within a call of the host hears nothing more', () => {
    for (const at of ['INIT', 'DONE', 'onRotated'] as const) {
      const { acceptor } = endsOf();
      const end = silentEnd();
      const heard: string[] = [];
      end.rekeying.start({
        send: (record) => {
          end.outbox.push(record);
          heard.push(record.length > 20 ? 'INIT' : 'DONE');
          if (heard.at(-1) === at) end.channel.destroy();
        },
        onRotated: () => {
          heard.push('onRotated');
          if (at === 'onRotated') end.channel.destroy();
        },
        onResume: () => void heard.push('onResume'),
        onSpent: () => void heard.push('onSpent'),
        onFailed: () => void heard.push('onFailed'),
      });
      end.rekeying.rekey('manual');
      if (at !== 'INIT') {
        deliver(end, acceptor);
        deliver(acceptor, end);
      }
      expect(heard).toEqual(['INIT', 'DONE', 'onRotated'].slice(0, ['INIT', 'DONE', 'onRotated'].indexOf(at) + 1));
      expect(wiped(end)).toBe(true);
      expect(thrown(() => end.send('x'))).toMatchObject({ reason: 'session_closed' });
    }
  });

  test('a socket that throws: the channel ends, and its session hears of it', () => {
    const end = silentEnd();
    end.rekeying.start({
      send: () => {
        throw new Error('no socket');
      },
      onRotated: () => undefined,
      onResume: () => undefined,
      onSpent: () => undefined,
      onFailed: (error) => void (end.failure = error),
    });
    expect(end.rekeying.rekey('manual')).toBe(false);
    expect(end.failure).toMatchObject({ message: expect.stringContaining('no socket') });
    expect(wiped(end)).toBe(true);
  });
});
