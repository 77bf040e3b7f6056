import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MessageKind } from '../../src/wire/message.js';
import { Packer } from '../../src/wire/packer.js';
import { encodeMethod } from '../../src/wire/request.js';
import { FakeConnection } from '../support/fake-connection.js';
import { channelPair, type PlainChannel } from '../support/plain-channels.js';
import { Reader, thrown, turns } from '../support/wire.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const HIGH_WATER = 2 * MIB;
const { request, response, cancel, ping } = MessageKind;

interface Rig {
  readonly packer: Packer;
  readonly connection: FakeConnection;
  readonly channel: PlainChannel;
  readonly failures: unknown[];
  /** Messages that came since the last time, by what is left of them in a test: kind, id and length. */
  read(): { kind: number; id: number; length: number }[];
  readonly reader: Reader;
}

function rig({ maxQueuedBytes = Infinity, stalled = false } = {}): Rig {
  const { initiator, responder } = channelPair();
  const connection = new FakeConnection();
  connection.stalled = stalled;
  const failures: unknown[] = [];
  const packer = new Packer(initiator, connection, maxQueuedBytes, (error) => failures.push(error));
  connection.onDrain = () => packer.resume();
  const reader = new Reader(responder);
  return { packer, connection, channel: initiator, failures, reader, read: () => reader.read(connection.sent).map(({ kind, id, payload }) => ({ kind, id, length: payload.length })) };
}

/** A rig whose reader is so slow that everything new has to wait. */
function blocked(maxQueuedBytes = Infinity): Rig {
  const slow = rig({ maxQueuedBytes });
  slow.connection.bufferedBytes = HIGH_WATER;
  return slow;
}

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

describe('packing', () => {
  test('all messages of one turn share a record, written before the next turn', async () => {
    const { packer, connection, reader, read } = rig();
    for (let id = 1; id <= 5; id++) packer.message(response, 1, id, `{"id":${id}}`);
    expect(connection.sent).toHaveLength(0);
    await nextTick();
    expect(connection.sent).toHaveLength(1);
    expect(read().map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
    expect(reader.messages[2]?.payload.toString()).toBe('{"id":3}');
    await turns(2);
    expect(connection.sent).toHaveLength(1);
  });

  test('a record closes at 16 messages', async () => {
    const { packer, connection, reader, read } = rig();
    for (let id = 1; id <= 40; id++) packer.message(response, 1, id, 'x');
    expect(connection.sent).toHaveLength(2);
    await nextTick();
    expect(read()).toHaveLength(40);
    expect(reader.counts).toEqual([16, 16, 8]);
  });

  test('no record carries more than 256 KiB, however many small messages there are', async () => {
    const { packer, reader, read } = rig();
    for (let id = 1; id <= 100; id++) packer.message(response, 2, id, Buffer.alloc(8 * KIB));
    await nextTick();
    expect(read()).toHaveLength(100);
    expect(Math.max(...reader.counts)).toBeLessThanOrEqual(16);
  });

  test('a request is laid out as the wire says, text of any width included', async () => {
    const { packer, reader, read } = rig();
    const extras = Buffer.from('extras');
    for (const body of ['grüße 😀 \ud800', Buffer.from([0, 255]), undefined, 'ü'.repeat(20_000)]) packer.request(0x55, 9, 0x01020304, encodeMethod('mé'), extras, body);
    await nextTick();
    read();
    const head = Buffer.concat([Buffer.from([1, 2, 3, 4, 3]), Buffer.from('mé'), extras]);
    expect(reader.messages).toEqual(
      [Buffer.from('grüße 😀 \ufffd'), Buffer.from([0, 255]), Buffer.alloc(0), Buffer.from('ü'.repeat(20_000))].map((body) => ({ kind: request, flags: 0x55, id: 9, payload: Buffer.concat([head, body]) })),
    );
  });

  test('messages keep their order when a large one comes between small ones', async () => {
    const { packer, read } = rig();
    packer.message(response, 2, 1, Buffer.alloc(10));
    packer.message(response, 2, 2, Buffer.alloc(600 * KIB));
    packer.message(response, 2, 3, Buffer.alloc(10));
    await nextTick();
    expect(read().map(({ id, length }) => [id, length])).toEqual([[1, 10], [2, 600 * KIB], [3, 10]]);
  });

  test("what the caller does to its bytes after the call changes nothing, queued or not", async () => {
    for (const slow of [rig(), blocked()]) {
      for (const size of [10, 100 * KIB, 5 * MIB]) {
        const bytes = Buffer.alloc(size, 7);
        slow.packer.message(response, 2, size, bytes);
        bytes.fill(0);
      }
      await nextTick();
      slow.connection.drain();
      slow.read();
      expect(slow.reader.messages.map(({ payload }) => payload.every((byte) => byte === 7))).toEqual([true, true, true]);
    }
  });

  test('a large message that has to wait half-way owns the rest of its bytes', () => {
    const half = rig({ stalled: true });
    const bytes = Buffer.alloc(4 * MIB, 7);
    half.packer.message(response, 2, 1, bytes);
    expect(half.connection.sent.length).toBeLessThan(16);
    bytes.fill(0);
    while (half.packer.idle === false) half.connection.drain();
    half.read();
    expect(half.reader.messages[0]?.payload.equals(Buffer.alloc(4 * MIB, 7))).toBe(true);
  });

  test('it counts the bytes it wrote', async () => {
    const { packer, connection } = rig();
    packer.message(response, 1, 1, 'x');
    packer.message(response, 2, 2, Buffer.alloc(600 * KIB));
    await nextTick();
    expect(packer.sentBytes).toBe(connection.sent.reduce((sum, { length }) => sum + length, 0));
  });
});

describe('a slow reader', () => {
  test('above 2 MiB in the socket, data waits; drain resumes, 16 messages a record', async () => {
    const { packer, connection, reader, read } = blocked();
    for (let id = 1; id <= 40; id++) packer.message(response, 1, id, 'x');
    await turns();
    expect(connection.sent).toHaveLength(0);
    expect(packer.idle).toBe(false);
    connection.drain();
    expect(read().map(({ id }) => id)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect(reader.counts).toEqual([16, 16, 8]);
    expect(packer.idle).toBe(true);
  });

  test('a record of waiting messages stays within 256 KiB', () => {
    const { packer, connection, reader, read } = blocked();
    for (let id = 1; id <= 10; id++) packer.message(response, 2, id, Buffer.alloc(60 * KIB));
    connection.drain();
    expect(read()).toHaveLength(10);
    expect(reader.counts).toEqual([4, 4, 2]);
  });

  test('writes no more than the high-water mark and one record at a time', () => {
    const { packer, connection } = rig({ stalled: true });
    for (let id = 1; id <= 8; id++) packer.message(response, 2, id, Buffer.alloc(MIB));
    expect(connection.bufferedBytes).toBeLessThan(HIGH_WATER + 300 * KIB);
    connection.drain();
    expect(connection.bufferedBytes).toBeGreaterThan(0);
    expect(connection.bufferedBytes).toBeLessThan(HIGH_WATER + 300 * KIB);
  });

  test('control messages overtake what waits', async () => {
    const { packer, connection, read } = blocked();
    packer.message(response, 2, 1, Buffer.alloc(MIB));
    packer.control(ping, 77);
    await nextTick();
    expect(read()).toEqual([{ kind: ping, id: 77, length: 0 }]);
    connection.drain();
    expect(read()).toEqual([{ kind: response, id: 1, length: MIB }]);
  });

  test('control messages may stand between the fragments of a message', async () => {
    const { packer, connection, reader, read } = rig({ stalled: true });
    packer.message(response, 2, 1, Buffer.alloc(4 * MIB, 1));
    packer.control(ping, 5);
    await nextTick();
    expect(read()).toEqual([{ kind: ping, id: 5, length: 0 }]);
    expect(reader.fragments).toBeGreaterThan(1);
    connection.stalled = false;
    connection.drain();
    expect(read()).toEqual([{ kind: response, id: 1, length: 4 * MIB }]);
  });

  test('the queue is capped in bytes: send_queue_full, and nothing of that message was written', async () => {
    const { packer, connection, read } = blocked(MIB);
    packer.message(response, 2, 1, Buffer.alloc(900 * KIB));
    expect(thrown(() => packer.message(response, 2, 2, Buffer.alloc(200 * KIB)))).toMatchObject({ reason: 'send_queue_full', code: 'RESOURCE_EXHAUSTED', mayHaveRun: false });
    packer.message(response, 2, 3, Buffer.alloc(50 * KIB));
    connection.drain();
    expect(read().map(({ id }) => id).sort()).toEqual([1, 3]);
    // What was written makes room again.
    connection.bufferedBytes = HIGH_WATER;
    packer.message(response, 2, 4, Buffer.alloc(900 * KIB));
    await nextTick();
    connection.drain();
    expect(read().map(({ id }) => id)).toEqual([4]);
  });

  test('takeBack takes a message that waits whole, and gives its room back', () => {
    const { packer, connection, read } = blocked(MIB);
    packer.message(request, 2, 1, Buffer.alloc(600 * KIB));
    packer.message(request, 2, 2, Buffer.alloc(300 * KIB));
    expect(packer.takeBack(1)).toBe(true);
    expect(packer.takeBack(1)).toBe(false);
    packer.message(request, 2, 3, Buffer.alloc(600 * KIB));
    connection.drain();
    expect(read().map(({ id }) => id)).toEqual([2, 3]);
    expect(packer.takeBack(2)).toBe(false);
  });

  test('regression: a pong that waits with the id of a request, which is the choice of the peer, is not taken back in its place', () => {
    const { packer, channel } = rig();
    packer.message(request, 1, 1, 'small');
    Object.assign(channel, { rekeying: { holds: true } });
    packer.control(MessageKind.pong, 1);
    packer.message(request, 1, 2, 'waits');
    expect(packer.takeBack(1)).toBe(false);
    expect([...packer.close()].filter((id) => id > 0)).toEqual([2]);
  });

  test('takeBack never takes what is written, or half written', async () => {
    const { packer, connection, read } = rig({ stalled: true });
    packer.message(request, 1, 1, 'small');
    expect(packer.takeBack(1)).toBe(false);
    packer.message(request, 2, 2, Buffer.alloc(4 * MIB));
    expect(packer.takeBack(2)).toBe(false);
    await nextTick();
    connection.stalled = false;
    connection.drain();
    expect(read().map(({ id }) => id)).toEqual([1, 2]);
  });

  test('a cancel stays behind the fragments of its own request, and takes nobody else along', async () => {
    const { packer, connection, read } = rig({ stalled: true });
    packer.message(request, 2, 1, Buffer.alloc(4 * MIB));
    packer.message(request, 2, 2, Buffer.alloc(10));
    packer.cancel(1);
    packer.cancel(9);
    await nextTick();
    expect(read()).toEqual([{ kind: cancel, id: 9, length: 0 }]);
    expect(packer.takeBack(1)).toBe(false);
    connection.stalled = false;
    connection.drain();
    await nextTick();
    expect(read().map(({ kind, id }) => [kind, id])).toEqual([[request, 2], [request, 1], [cancel, 1]]);
  });
});

/** A rig whose keys are past their limit after so many records each: `renew()` gives others, and lets what waited go on. */
function limited(recordsPerKey: number, maxQueuedBytes = Infinity): Rig & { renew(): void } {
  const made = rig({ maxQueuedBytes });
  const { packer, channel } = made;
  let left = recordsPerKey;
  Object.assign(channel, { rekeying: { get holds() { return left <= 0; } } });
  const seal = channel.seal.bind(channel);
  channel.seal = (flags, parts) => {
    if (left-- <= 0) throw new Error('a record is sealed by a key that is past its limit');
    return seal(flags, parts);
  };
  const renew = (): void => {
    left = recordsPerKey;
    packer.resume();
  };
  return { ...made, renew };
}

describe('keys past their limit', () => {
  test.each([1, 2, 3])('%d records a key: whatever was sent waits for the next one, and comes once, small ones in their order', async (recordsPerKey) => {
    const { packer, failures, read, renew } = limited(recordsPerKey);
    const sizes = [10, 10, 700 * KIB, 10, 20 * KIB, 300 * KIB, 10, 10];
    const sent = sizes.flatMap((size, index) => Array.from({ length: size === 10 ? 7 : 1 }, (_, nth) => ({ id: 100 * (index + 1) + nth, size })));
    const got: { kind: number; id: number; length: number }[] = [];
    for (const { id, size } of sent) {
      packer.message(response, 2, id, Buffer.alloc(size));
      if (id % 100 === 0) await nextTick();
    }
    packer.control(ping, 1);
    await nextTick();
    for (let keys = 0; !packer.idle && keys < 100; keys++) {
      got.push(...read());
      renew();
      await nextTick();
    }
    got.push(...read());
    expect(failures).toEqual([]);
    expect(got.map(({ id, length }) => `${id}: ${length}`).sort()).toEqual([...sent.map(({ id, size }) => `${id}: ${size}`), '1: 0'].sort());
    const small = got.filter(({ length }) => length === 10).map(({ id }) => id);
    expect(small).toEqual([...small].sort((one, other) => one - other));
  });

  test.each([1, 2, 3, 4])('%d records a key: a cancel comes behind its request, and takes no room that the key does not have', async (recordsPerKey) => {
    const { packer, failures, read, renew } = limited(recordsPerKey);
    packer.message(request, 2, 1, Buffer.alloc(MIB));
    packer.message(request, 2, 2, Buffer.alloc(MIB));
    packer.cancel(1);
    await nextTick();
    for (let keys = 0; !packer.idle && keys < 100; keys++) {
      renew();
      await nextTick();
    }
    expect(failures).toEqual([]);
    const came = read().map(({ kind, id }) => `${kind} ${id}`);
    expect([...came].sort()).toEqual([`${request} 1`, `${request} 2`, `${cancel} 1`].sort());
    expect(came.indexOf(`${cancel} 1`)).toBeGreaterThan(came.indexOf(`${request} 1`));
  });

  test('what the turn has gathered as the limit is reached waits whole, before all that comes later', async () => {
    const { packer, connection, channel, failures, read } = rig();
    let holds = false;
    Object.assign(channel, { rekeying: { get holds() { return holds; } } });
    packer.message(response, 1, 1, 'x');
    holds = true;
    await nextTick();
    packer.message(response, 1, 2, 'x');
    packer.control(ping, 3);
    await turns();
    expect([connection.sent, packer.idle, failures]).toEqual([[], false, []]);
    holds = false;
    packer.resume();
    await nextTick();
    expect(read().map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(packer.idle).toBe(true);
  });

  test('one that is used up by the very last record is told, though nothing waits: nobody may take it for the end', () => {
    const { packer, connection, renew } = limited(1);
    for (let id = 1; id <= 16; id++) packer.message(request, 1, id, 'x');
    expect([connection.sent.length, packer.idle]).toEqual([1, false]);
    renew();
    expect(packer.idle).toBe(true);
  });

  test('the queue is capped meanwhile, and a message that is taken back, or dropped at the end, was never written', async () => {
    const { packer, connection, read, renew } = limited(1, MIB);
    // The first record of that key.
    packer.message(request, 2, 9, Buffer.alloc(100 * KIB));
    for (const id of [1, 2]) packer.message(request, 2, id, Buffer.alloc(400 * KIB));
    expect(thrown(() => packer.message(request, 2, 3, Buffer.alloc(400 * KIB)))).toMatchObject({ reason: 'send_queue_full', mayHaveRun: false });
    expect(packer.takeBack(1)).toBe(true);
    packer.message(request, 1, 4, 'small');
    for (let id = 0; id < 10_000; id++) packer.control(ping, id);
    expect(thrown(() => packer.message(request, 1, 5, 'x'))).toMatchObject({ reason: 'send_queue_full' });
    renew();
    expect(read().filter(({ kind }) => kind === request).map(({ id }) => id)).toEqual([9, 4]);
    expect([...packer.close()].filter((id) => id > 0)).toEqual([2]);
    renew();
    expect(connection.sent).toHaveLength(2);
  });

  test('whatever comes while keys are used up and replaced is written once, complete, and never under a key that is used up', async () => {
    type Step = { readonly do: 'send'; readonly size: number } | { readonly do: 'renew' | 'tick' | 'control' | 'cancel' | 'takeBack' };
    const size = fc.oneof({ weight: 6, arbitrary: fc.nat(300) }, { weight: 3, arbitrary: fc.integer({ min: 8_000, max: 70_000 }) }, { weight: 2, arbitrary: fc.integer({ min: 250 * KIB, max: 900 * KIB }) });
    const step: fc.Arbitrary<Step> = fc.oneof(
      { weight: 10, arbitrary: fc.record({ do: fc.constant('send' as const), size }) },
      { weight: 7, arbitrary: fc.record({ do: fc.constantFrom('renew' as const, 'renew' as const, 'tick' as const, 'control' as const, 'cancel' as const, 'takeBack' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step, { minLength: 1, maxLength: 60 }), async (records, steps) => {
        const { packer, failures, reader, read, renew } = limited(records);
        const expected = new Map<number, number>();
        const cancelled: number[] = [];
        let [last, pings] = [0, 0];
        for (const action of steps) {
          if (action.do === 'send') {
            packer.message(request, 0, ++last, Buffer.alloc(action.size, last));
            expected.set(last, action.size);
          } else if (action.do === 'renew') renew();
          else if (action.do === 'control') packer.control(ping, ++pings);
          else if (action.do === 'takeBack') {
            // An id of 0 is no request's.
            if (last > 0 && packer.takeBack(last)) expected.delete(last);
          } else if (action.do === 'cancel') {
            if (!expected.has(last) || cancelled.includes(last)) continue;
            packer.cancel(last);
            cancelled.push(last);
          } else await nextTick();
        }
        await nextTick();
        for (let keys = 0; !packer.idle && keys < 500; keys++) {
          renew();
          await nextTick();
        }
        read();
        const { messages } = reader;
        const requests = messages.filter(({ kind }) => kind === request);
        expect(new Map(requests.map(({ id, payload }) => [id, payload.length]))).toEqual(expected);
        expect(requests).toHaveLength(expected.size);
        expect(requests.every(({ id, payload }) => payload.every((byte) => byte === (id & 0xff)))).toBe(true);
        expect(messages.filter(({ kind }) => kind === ping)).toHaveLength(pings);
        expect(messages.filter(({ kind }) => kind === cancel).map(({ id }) => id).sort()).toEqual([...cancelled].sort());
        expect([failures, packer.idle]).toEqual([[], true]);
      }),
      { numRuns: 150 },
    );
  });
});

describe('the end', () => {
  test('a closed packer refuses data, ignores control, and drops what waits', async () => {
    const { packer, connection } = blocked();
    packer.message(response, 1, 1, 'waits');
    packer.control(ping, 1);
    packer.close();
    packer.control(ping, 2);
    expect(thrown(() => packer.message(response, 1, 2, 'late'))).toMatchObject({ reason: 'session_closed', mayHaveRun: false });
    expect(thrown(() => packer.request(0, 3, 1, encodeMethod('m'), undefined, undefined))).toMatchObject({ reason: 'session_closed' });
    await turns();
    connection.drain();
    expect(connection.sent).toHaveLength(0);
    expect(packer.idle).toBe(true);
  });

  test.each(['a tick', 'a drain'])('a key that is used up in %s is told to the owner, not thrown at the event loop', async (where) => {
    const { packer, connection, channel, failures } = where === 'a tick' ? rig() : blocked();
    channel.failSealAt = 0;
    packer.message(response, 1, 1, 'x');
    await nextTick();
    if (where === 'a drain') connection.drain();
    expect(failures).toEqual([expect.objectContaining({ reason: 'nonce_exhausted' })]);
  });
});

describe('regression: a key that is used up', () => {
  test('fails the message that needed it and those that shared its record, and throws at no timer', () => {
    const { packer, channel, failures } = rig();
    channel.failSealAt = 0;
    for (let id = 1; id <= 14; id++) packer.message(response, 1, id, 'x');
    packer.control(ping, 1);
    expect(failures).toEqual([]);
    expect(() => packer.control(ping, 2)).not.toThrow();
    expect(failures).toEqual([expect.objectContaining({ reason: 'nonce_exhausted' })]);
  });

  test('fails the sixteenth message, and a large one half-way: provably not run', () => {
    for (const [before, size] of [[15, 1], [0, MIB]] as const) {
      const { packer, channel, failures } = rig();
      channel.failSealAt = before === 0 ? 2 : 0;
      for (let id = 1; id <= before; id++) packer.message(request, 1, id, 'x');
      expect(thrown(() => packer.message(request, 2, 99, Buffer.alloc(size)))).toMatchObject({ reason: 'session_closed', mayHaveRun: false, cause: { reason: 'nonce_exhausted' } });
      expect(failures).toHaveLength(1);
    }
  });
});

test('random messages through a slow connection arrive complete, each exactly once', async () => {
  type Step =
    | { readonly do: 'send'; readonly size: number; readonly text: boolean }
    | { readonly do: 'control' | 'drain' | 'tick' }
    | { readonly do: 'takeBack' | 'cancel'; readonly of: number };
  const size = fc.oneof({ weight: 6, arbitrary: fc.nat(300) }, { weight: 3, arbitrary: fc.integer({ min: 8_000, max: 70_000 }) }, { weight: 2, arbitrary: fc.integer({ min: 250 * KIB, max: 900 * KIB }) });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('send' as const), size, text: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('control' as const, 'drain' as const, 'tick' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('takeBack' as const, 'cancel' as const), of: fc.nat(10) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
      const { packer, connection, reader, failures, read } = rig({ stalled: true, maxQueuedBytes: 3 * MIB });
      const expected: { id: number; length: number; fill: number }[] = [];
      let nextId = 1;
      let controls = 0;
      const cancelled = new Set<number>();
      for (const action of steps) {
        if (action.do === 'send') {
          const id = nextId++;
          const fill = 97 + (id % 26);
          const body = Buffer.alloc(action.size, fill);
          try {
            packer.message(request, 0, id, action.text ? body.toString() : body);
            expected.push({ id, length: action.size, fill });
          } catch (error) {
            expect(error).toMatchObject({ reason: 'send_queue_full' });
          }
          body.fill(0);
        } else if (action.do === 'control') packer.control(ping, ++controls);
        else if (action.do === 'cancel') {
          const id = Math.max(0, nextId - action.of);
          packer.cancel(id);
          cancelled.add(id);
        } else if (action.do === 'takeBack') {
          const index = expected.findIndex(({ id }) => id === nextId - action.of);
          const takenBack = packer.takeBack(nextId - action.of);
          if (takenBack) expected.splice(index, 1);
        } else if (action.do === 'drain') connection.drain();
        else await nextTick();
      }
      await nextTick();
      while (!packer.idle) connection.drain();
      // A cancellation follows the last fragment of its request at the end of the turn.
      await nextTick();
      read();
      // Large ones and small ones take turns; each id is there once, whatever the order.
      const of = (kind: number): typeof reader.messages => reader.messages.filter((message) => message.kind === kind).sort((a, b) => a.id - b.id);
      expect(of(request).map(({ id, payload }) => [id, payload.length])).toEqual(expected.map(({ id, length }) => [id, length]));
      of(request).forEach(({ payload }, index) => expect(payload.equals(Buffer.alloc(payload.length, expected[index]?.fill))).toBe(true));
      expect(of(ping).map(({ id }) => id)).toEqual(Array.from({ length: controls }, (_, index) => index + 1));
      expect(new Set(of(cancel).map(({ id }) => id))).toEqual(cancelled);
      expect(reader.counts.every((count) => count <= 16)).toBe(true);
      expect(failures).toEqual([]);
    }),
    {
      numRuns: 120,
      // The last fragment of all is that of a cancelled request.
      examples: [[[...[256_000, 555_686, 498_694, 110, 786_399, 8_000, 0].map((bytes): Step => ({ do: 'send', size: bytes, text: false })), { do: 'cancel', of: 3 }, { do: 'control' }]]],
    },
  );
});
