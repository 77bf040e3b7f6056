import { describe, expect, test } from '@jest/globals';
import { MeshError, type RekeyHost } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { MessageKind, RecordFlag } from '../../src/wire/message.js';
import { FRAGMENT_BYTES } from '../../src/wire/reassembly.js';
import type { SessionLimits } from '../../src/session/session-limits.js';
import { RecordingDelegate, SessionRig } from '../support/session-rig.js';
import { message, request as requestPayload, turns } from '../support/wire.js';

const { request, response, error, cancel, ping, pong, goAway, close, welcome } = MessageKind;
type Role = 'initiator' | 'responder';

function started(role: Role, limits?: Partial<SessionLimits>): { rig: SessionRig; delegate: RecordingDelegate } {
  const delegate = new RecordingDelegate();
  const rig = new SessionRig(role, delegate, limits);
  rig.session.start();
  return { rig, delegate };
}

/** Past the acceptor's welcome. */
function open(role: Role, limits?: Partial<SessionLimits>): { rig: SessionRig; delegate: RecordingDelegate } {
  const opened = started(role, limits);
  if (role === 'initiator') opened.rig.feed(message(welcome, 0));
  return opened;
}

describe('opening', () => {
  test('the acceptor says welcome; the dialler is ready when it comes', async () => {
    const { rig } = started('responder');
    expect(rig.connection.isAuthenticated).toBe(true);
    expect(await rig.readKinds()).toEqual([welcome]);

    const { rig: dialler, delegate } = started('initiator');
    expect([dialler.session.state, delegate.ready]).toEqual(['opening', 0]);
    dialler.feed(message(welcome, 0));
    expect([dialler.session.state, delegate.ready]).toEqual(['open', 1]);
    expect(await dialler.readKinds()).toEqual([]);
  });

  test.each([['response', response], ['error', error], ['GOAWAY', goAway]])('%s before welcome ends it', (_name, kind) => {
    const { rig, delegate } = started('initiator');
    rig.feed(message(kind, 1));
    expect(delegate.ends).toEqual([{ type: 'failed', error: expect.objectContaining({ reason: 'protocol_violation' }) }]);
    expect(rig.connection.closed).toBe('terminated');
    expect(delegate.messages).toEqual([]);
  });

  test('an acceptor that changes its mind before welcome closes properly', () => {
    const { rig, delegate } = started('initiator');
    rig.feed(message(close, 0));
    expect(delegate.ends).toEqual([{ type: 'closed', by: 'peer' }]);
  });
});

describe('messages', () => {
  const allowed: Record<Role, readonly number[]> = { initiator: [response, error], responder: [request, cancel] };

  test.each<[Role]>([['initiator'], ['responder']])('the %s takes what its role may be sent, and nothing else', (role) => {
    for (let kind = 0; kind <= 255; kind++) {
      const { rig, delegate } = open(role);
      const payload = kind <= error ? 'payload' : '';
      rig.feed(message(kind, 7, Buffer.from(payload)));
      if (allowed[role].includes(kind)) {
        expect(delegate.messages).toEqual([{ kind, flags: 0, id: 7, payload }]);
        expect(rig.session.state).toBe('open');
      } else {
        expect(delegate.messages).toEqual([]);
        const fine = [ping, pong, goAway, close].includes(kind as never);
        expect([kind, delegate.ends[0]?.type ?? 'none']).toEqual([kind, fine ? (kind === close ? 'closed' : 'none') : 'failed']);
      }
    }
  });

  test.each([
    ['a control message with a payload', 'responder', message(ping, 1, Buffer.from('x'))],
    ['a control message with flags', 'responder', message(ping, 1, undefined, 1)],
    ['a cancellation with a payload', 'responder', message(cancel, 1, Buffer.from('x'))],
    ['a request with an unknown flag', 'responder', message(request, 1, Buffer.from('x'), 0x10)],
    ['a response with a flag of requests', 'initiator', message(response, 1, Buffer.from('x'), 0x04)],
    ['an error with a body kind', 'initiator', message(error, 1, Buffer.from('{}'), 0x01)],
  ] as const)('%s ends it', (_name, role, malformed) => {
    const { rig, delegate } = open(role);
    rig.feed(malformed);
    expect([delegate.messages, delegate.ends]).toEqual([[], [{ type: 'failed', error: expect.objectContaining({ reason: 'protocol_violation' }) }]]);
  });

  test('all messages of a record are handed on, in order', () => {
    const { rig, delegate } = open('initiator');
    rig.feed(message(response, 2, Buffer.from('b')), message(error, 1, Buffer.from('a')), message(response, 3));
    expect(delegate.messages.map(({ id, payload }) => [id, payload])).toEqual([[2, 'b'], [1, 'a'], [3, '']]);
  });

  test.each([
    ['empty', Buffer.alloc(0)],
    ['with half a header', Buffer.alloc(5)],
    ['with a message that is longer than the record', message(response, 1, Buffer.alloc(10)).subarray(0, 15)],
    ['with bytes behind its last message', Buffer.concat([message(pong, 1), Buffer.alloc(3)])],
  ])('a record %s ends it', (_name, plaintext) => {
    const { rig, delegate } = open('initiator');
    rig.feedRecord(0, plaintext);
    expect(delegate.ends).toEqual([{ type: 'failed', error: expect.objectContaining({ reason: 'protocol_violation' }) }]);
  });

  test.each([[0x20], [0x40], [0x80], [0x60]])('a record with unknown flags 0x%s ends it', (flags) => {
    const { rig, delegate } = open('initiator');
    rig.feedRecord(flags, message(pong, 1));
    expect(delegate.ends[0]).toMatchObject({ type: 'failed', error: { reason: 'protocol_violation' } });
  });

  test.each<[string, (record: Buffer) => Buffer]>([
    ['altered', (record) => { record[5] = (record[5] as number) ^ 1; return record; }],
    ['cut', (record) => record.subarray(0, -1)],
    ['extended', (record) => Buffer.concat([record, Buffer.alloc(1)])],
    ['empty', () => Buffer.alloc(0)],
  ])('nothing of an %s record is delivered; the keys go, the peer sees nothing but the end', async (_name, change) => {
    const { rig, delegate } = open('initiator');
    rig.connection.onMessage(change(rig.far.seal(0, [message(response, 1, Buffer.from('x'))])));
    expect(delegate.messages).toEqual([]);
    expect(delegate.ends).toEqual([{ type: 'failed', error: expect.objectContaining({ reason: 'record_invalid' }) }]);
    expect([rig.connection.closed, rig.near.destroyed]).toEqual(['terminated', true]);
    expect(await rig.read()).toEqual([]);
  });

  test('a repeated and a reordered record end it', () => {
    for (const order of [[0, 0], [1, 0]] as const) {
      const { rig, delegate } = open('initiator');
      const records = [rig.far.seal(0, [message(response, 1)]), rig.far.seal(0, [message(response, 2)])];
      for (const index of order) rig.connection.onMessage(records[index] as Buffer);
      expect(delegate.ends[0]).toMatchObject({ type: 'failed', error: { reason: 'record_invalid' } });
      expect(delegate.messages).toHaveLength(order[0] === 0 ? 1 : 0);
    }
  });

  test('whatever a proven peer puts into records, the session ends cleanly or lives on', () => {
    fc.assert(
      fc.property(fc.constantFrom<Role>('initiator', 'responder'), fc.array(fc.tuple(fc.constantFrom(0, 0, 0, 0x10, 0x30, 0x50, 0x70, 0x80), fc.uint8Array({ maxLength: 60 })), { maxLength: 12 }), (role, records) => {
        const { rig, delegate } = open(role);
        for (const [flags, plaintext] of records) if (delegate.ends.length === 0) rig.feedRecord(flags, plaintext);
        expect(delegate.ends.length).toBeLessThanOrEqual(1);
        if (delegate.ends.length > 0) expect(rig.session.state).toBe('closed');
      }),
      { numRuns: 500 },
    );
  });
});

describe('fragments', () => {
  const fragmentHead = (id: number, total?: number): Buffer => {
    const head = Buffer.alloc(total === undefined ? 4 : 8);
    head.writeUInt32BE(id);
    if (total !== undefined) head.writeUInt32BE(total, 4);
    return head;
  };

  test('a message in fragments arrives whole, with others between its pieces', () => {
    const { rig, delegate } = open('initiator');
    const large = message(response, 5, Buffer.alloc(FRAGMENT_BYTES + 100, 'x'));
    rig.feedRecord(RecordFlag.fragment | RecordFlag.first, Buffer.concat([fragmentHead(1, large.length), large.subarray(0, FRAGMENT_BYTES)]));
    rig.feed(message(response, 6, Buffer.from('between')));
    rig.feedRecord(RecordFlag.fragment | RecordFlag.last, Buffer.concat([fragmentHead(1), large.subarray(FRAGMENT_BYTES)]));
    expect(delegate.messages.map(({ id, payload }) => [id, payload.length])).toEqual([[6, 7], [5, FRAGMENT_BYTES + 100]]);
  });

  test('one over the cap is reported by its header, and the connection lives on', () => {
    const { rig, delegate } = open('responder', { maxMessageBytes: 300 * 1024 });
    const large = message(request, 5, Buffer.alloc(2 * FRAGMENT_BYTES));
    rig.feedRecord(RecordFlag.fragment | RecordFlag.first, Buffer.concat([fragmentHead(1, large.length), large.subarray(0, FRAGMENT_BYTES)]));
    expect(delegate.tooLarge).toEqual([{ kind: request, id: 5, bytes: large.length }]);
    rig.feedRecord(RecordFlag.fragment, Buffer.concat([fragmentHead(1), large.subarray(FRAGMENT_BYTES, 2 * FRAGMENT_BYTES)]));
    rig.feedRecord(RecordFlag.fragment | RecordFlag.last, Buffer.concat([fragmentHead(1), large.subarray(2 * FRAGMENT_BYTES)]));
    rig.feed(message(request, 6, requestPayload('m')));
    expect(delegate.messages.map(({ id }) => id)).toEqual([6]);
    expect(delegate.ends).toEqual([]);
  });

  test('regression: a cap below the size of a record holds for messages without fragments, too', () => {
    const { rig, delegate } = open('responder', { maxMessageBytes: 1_000 });
    rig.feed(message(request, 5, Buffer.alloc(2_000)), message(request, 6, requestPayload('m')));
    expect(delegate.tooLarge).toEqual([{ kind: request, id: 5, bytes: 2_010 }]);
    expect(delegate.messages.map(({ id }) => id)).toEqual([6]);
  });

  test('one that holds another length than its header says, or several messages, ends the connection', () => {
    for (const inside of [message(response, 5, Buffer.alloc(FRAGMENT_BYTES)).subarray(0, -1), Buffer.concat([message(response, 5, Buffer.alloc(FRAGMENT_BYTES)), message(response, 6)])]) {
      const { rig, delegate } = open('initiator');
      rig.feedRecord(RecordFlag.fragment | RecordFlag.first, Buffer.concat([fragmentHead(1, inside.length), inside.subarray(0, FRAGMENT_BYTES)]));
      rig.feedRecord(RecordFlag.fragment | RecordFlag.last, Buffer.concat([fragmentHead(1), inside.subarray(FRAGMENT_BYTES)]));
      expect(delegate.messages).toEqual([]);
      expect(delegate.ends[0]).toMatchObject({ type: 'failed', error: { reason: 'protocol_violation' } });
    }
  });

  test('a violation ends the connection', () => {
    const { rig, delegate } = open('responder');
    rig.feedRecord(RecordFlag.fragment, Buffer.concat([fragmentHead(9), Buffer.alloc(FRAGMENT_BYTES)]));
    expect(delegate.ends[0]).toMatchObject({ type: 'failed', error: { reason: 'protocol_violation' } });
  });
});

describe('keep-alive', () => {
  test('a ping is answered with its id', async () => {
    const { rig } = open('initiator');
    rig.feed(message(ping, 42));
    expect((await rig.read()).map(({ kind, id }) => [kind, id])).toEqual([[pong, 42]]);
  });

  test('a peer that asks without reading gets no answers to pile up here', async () => {
    const { rig } = open('initiator', { maxQueuedBytes: 1_000 });
    rig.connection.bufferedBytes = 1_000;
    for (let i = 0; i < 100; i++) rig.feed(message(ping, i));
    expect(await rig.read()).toEqual([]);
  });

  test('15 s of silence are a ping, 10 s more the end', async () => {
    const { rig, delegate } = open('initiator');
    await rig.clock.advance(15_000);
    expect(await rig.readKinds()).toEqual([ping]);
    await rig.clock.advance(9_999);
    expect(delegate.ends).toEqual([]);
    await rig.clock.advance(1);
    expect(delegate.ends).toEqual([{ type: 'failed', error: expect.objectContaining({ reason: 'keepalive_timeout', code: 'UNAVAILABLE' }) }]);
    expect([rig.connection.closed, rig.clock.pendingTimers]).toEqual(['terminated', 0]);
  });

  test('anything that comes keeps it alive', async () => {
    const { rig, delegate } = open('initiator');
    for (let i = 0; i < 20; i++) {
      await rig.clock.advance(14_000);
      rig.feed(message(response, i));
    }
    expect(delegate.ends).toEqual([]);
    expect(await rig.readKinds()).toEqual([]);
  });

  test('a record that is not authentic is no sign of life: it is the end', async () => {
    const { rig, delegate } = open('initiator');
    await rig.clock.advance(20_000);
    rig.connection.onMessage(Buffer.alloc(40));
    expect(delegate.ends[0]).toMatchObject({ error: { reason: 'record_invalid' } });
  });

  test('verify() asks at once and tells when something came', async () => {
    const { rig, delegate } = open('initiator');
    expect(rig.session.isStale(25_000)).toBe(false);
    expect(rig.session.isStale(25_001)).toBe(true);
    rig.session.verify();
    expect(await rig.readKinds()).toEqual([ping]);
    expect(delegate.verified).toBe(0);
    rig.feed(message(pong, 0));
    rig.feed(message(pong, 0));
    expect(delegate.verified).toBe(1);
  });

  test('one that has been asked is stale until something comes', () => {
    const { rig } = open('initiator');
    rig.session.verify();
    expect(rig.session.isStale(0)).toBe(true);
    rig.feed(message(response, 1));
    expect(rig.session.isStale(0)).toBe(false);
  });

  test('a call without an answer makes it suspect, where nothing else came in all that time either', async () => {
    const { rig } = open('initiator');
    await rig.clock.advance(1_000);
    const stale = (): boolean => rig.session.isStale(rig.clock.monotonic());
    rig.session.suspect(901);
    expect([stale(), await rig.readKinds()]).toEqual([false, []]);
    rig.feed(message(response, 1));
    await rig.clock.advance(500);
    rig.session.suspect(999);
    expect([stale(), await rig.readKinds()]).toEqual([false, []]);
    rig.session.suspect(1_001);
    expect([stale(), await rig.readKinds()]).toEqual([true, [ping]]);
    await rig.clock.advance(10_000);
    expect(rig.session.state).toBe('closed');
  });
});

describe('the end', () => {
  test('close() sends what this turn queued, then CLOSE, then closes', async () => {
    const { rig, delegate } = open('responder');
    rig.session.packer.message(response, 1, 9, '"answer"');
    rig.session.close();
    expect(await rig.readKinds()).toEqual([welcome, response, close]);
    expect(delegate.ends).toEqual([{ type: 'closed', by: 'us' }]);
    expect([rig.connection.closed, rig.near.destroyed, rig.clock.pendingTimers]).toEqual(['closed', true, 0]);
  });

  test('a CLOSE of the peer is a proper end', () => {
    const { rig, delegate } = open('initiator');
    rig.feed(message(response, 1), message(close, 0));
    expect(delegate.messages).toHaveLength(1);
    expect(delegate.ends).toEqual([{ type: 'closed', by: 'peer' }]);
    expect(rig.connection.closed).toBe('closed');
    rig.connection.onEnd({});
    expect(delegate.ends).toHaveLength(1);
  });

  test('nothing after CLOSE is delivered: not in its record, not in a later one', () => {
    const { rig, delegate } = open('responder');
    rig.feed(message(close, 0), message(request, 1, requestPayload('m')));
    rig.feed(message(request, 2, requestPayload('m')));
    expect(delegate.messages).toEqual([]);
    expect(delegate.ends).toHaveLength(1);
  });

  test('a connection that ends without CLOSE was truncated', () => {
    const { rig, delegate } = open('initiator');
    rig.connection.onEnd({ error: new Error('ECONNRESET') });
    expect(delegate.ends).toEqual([{ type: 'truncated', error: expect.objectContaining({ reason: 'connection_truncated', cause: new Error('ECONNRESET') }) }]);
    expect([rig.near.destroyed, rig.clock.pendingTimers]).toEqual([true, 0]);
  });

  test.each(['close', 'fail', 'cut'])('after %s nothing happens any more', async (how) => {
    const { rig, delegate } = open('responder');
    const late = rig.far.seal(0, [message(request, 1, requestPayload('m'))]);
    if (how === 'close') rig.session.close();
    else if (how === 'fail') rig.session.fail(Object.assign(new Error('x')) as never);
    else rig.connection.onEnd({});
    const sent = rig.connection.sent.length;
    rig.connection.onMessage(late);
    rig.session.close();
    rig.session.fail(new Error('y') as never);
    rig.session.goAway(3);
    rig.connection.onDrain();
    await turns();
    expect(rig.connection.sent.length).toBeLessThanOrEqual(sent);
    expect([delegate.ends.length, delegate.messages.length]).toEqual([1, 0]);
  });

  test('GOAWAY drains: state and delegate know, the session goes on', async () => {
    const { rig, delegate } = open('initiator');
    rig.feed(message(goAway, 17));
    expect([rig.session.state, delegate.goAways]).toEqual(['draining', [17]]);
    rig.feed(message(response, 1));
    expect(delegate.messages).toHaveLength(1);

    const { rig: acceptor } = open('responder');
    acceptor.session.goAway(5);
    acceptor.session.goAway(6);
    expect((await acceptor.read()).map(({ kind, id }) => [kind, id])).toEqual([[welcome, 0], [goAway, 5]]);
    expect(acceptor.session.state).toBe('draining');
  });

  test('a channel that is used up ends the session, also when a timer needed it', async () => {
    const { rig, delegate } = open('initiator');
    rig.near.failSealAt = rig.near.sealed;
    await rig.clock.advance(15_000);
    await turns();
    expect(delegate.ends).toEqual([{ type: 'failed', error: expect.objectContaining({ reason: 'nonce_exhausted' }) }]);
  });

  test('close() of a channel that is used up is a truncation for the peer, not a throw here', () => {
    const { rig, delegate } = open('initiator');
    rig.near.failSealAt = rig.near.sealed;
    expect(() => rig.session.close()).not.toThrow();
    expect(delegate.ends).toHaveLength(1);
    expect(rig.connection.closed).not.toBe('open');
  });

  test('it counts the bytes that came', () => {
    const { rig } = open('initiator');
    const before = rig.session.receivedBytes;
    const record = rig.far.seal(0, [message(response, 1)]);
    rig.connection.onMessage(record);
    expect(rig.session.receivedBytes - before).toBe(record.length);
  });
});

describe('a channel that rekeys (PROTOCOL 3)', () => {
  /** Its keys are in the test's hand. */
  function rekeying(role: Role) {
    const delegate = new RecordingDelegate();
    const rig = new SessionRig(role, delegate);
    const asked: string[] = [];
    const keys = { holds: false, host: undefined as unknown as RekeyHost };
    const receive = (record: Buffer): void => {
      asked.push(`receive ${record.toString('hex')}`);
      if (record.length > 2) throw new MeshError('protocol_violation', 'not its turn');
    };
    Object.assign(rig.near, { rekeying: { start: (host: RekeyHost) => (keys.host = host), drain: () => asked.push('drain'), receive, get holds() { return keys.holds; } } });
    rig.session.start();
    if (role === 'initiator') rig.feed(message(welcome, 0));
    return { rig, delegate, asked, keys };
  }

  test.each(['initiator', 'responder'] as const)('%s: what waited for new keys goes out once there are some, and its owner learns it', async (role) => {
    const { rig, delegate, keys } = rekeying(role);
    await rig.read();
    keys.holds = true;
    rig.session.packer.control(ping, 7);
    expect([await rig.read(), rig.session.packer.idle, delegate.written]).toEqual([[], false, 0]);
    keys.holds = false;
    keys.host.onResume();
    expect([(await rig.read()).map(({ kind, id }) => [kind, id]), rig.session.packer.idle, delegate.written]).toEqual([[[ping, 7]], true, 1]);
  });

  test('a drain is told to the keys, whoever began it: no rekey begins that is not needed (PROTOCOL 3.8)', () => {
    const [dialler, acceptor] = [rekeying('initiator'), rekeying('responder')];
    dialler.rig.feed(message(goAway, 0));
    acceptor.rig.session.goAway(0);
    expect([dialler.asked, acceptor.asked]).toEqual([['drain'], ['drain']]);
  });

  test('records with its flag are for the keys alone; one that breaks the rules ends the session, and nothing of it is delivered', () => {
    const { rig, delegate, asked } = rekeying('initiator');
    rig.connection.onMessage(Buffer.from('8001', 'hex'));
    expect([asked, rig.session.state]).toEqual([['receive 8001'], 'open']);
    rig.connection.onMessage(Buffer.from('800102', 'hex'));
    expect(delegate.ends).toEqual([{ type: 'failed', error: expect.objectContaining({ reason: 'protocol_violation' }) }]);
    expect([delegate.messages, rig.near.destroyed, rig.connection.closed]).toEqual([[], true, 'terminated']);
  });

  test('what the keys send is written as it is, at once; their end is its end', async () => {
    const { rig, delegate, keys } = rekeying('responder');
    await rig.read();
    const [records, bytes] = [rig.connection.sent.length, rig.session.packer.sentBytes];
    keys.host.send(Buffer.from('8001', 'hex'));
    expect([rig.connection.sent.slice(records).map((record) => record.toString('hex')), rig.session.packer.sentBytes - bytes]).toEqual([['8001'], 2]);
    keys.host.onFailed(new MeshError('key_expired', 'past their limit'));
    expect(delegate.ends).toEqual([{ type: 'failed', error: expect.objectContaining({ reason: 'key_expired' }) }]);
    keys.host.send(Buffer.from('8001', 'hex'));
    expect(rig.connection.sent).toHaveLength(records + 1);
  });
});
