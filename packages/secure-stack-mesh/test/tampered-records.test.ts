import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { onMessages, TcpProxy, type Direction, type Link, type MessageRewriter } from './support/tcp-proxy.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** Of messages on the wire, by direction: records follow the handshake, and the first `toClient` one is the welcome. */
const FIRST_RECORD = { toServer: 2, toClient: 2 } as const;

type RecordRewriter = (record: Buffer, index: number, link: Link) => readonly Buffer[];

interface Siege {
  readonly orders: TestMesh;
  readonly payments: TestMesh;
  readonly proxy: TcpProxy;
  /** What the handler was given. */
  readonly delivered: unknown[];
  call(input: unknown): Promise<unknown>;
}

/** A session between 'orders' and 'payments' that stands, through a man in the middle who rewrites records of the first connection. */
async function besieged(way: Direction, rewrite: RecordRewriter): Promise<Siege> {
  const payments = await bed.running({ serviceId: 'payments' });
  const delivered: unknown[] = [];
  payments.mesh.handle('pay', (input) => {
    delivered.push(input);
    return input;
  });
  const rewriter: MessageRewriter = (direction, index, message, link) =>
    direction === way && link.number === 0 && index >= FIRST_RECORD[way] ? rewrite(message, index - FIRST_RECORD[way], link) : [message];
  const proxy = bed.closing(await TcpProxy.to(payments.port, onMessages(rewriter)));
  const orders = await bed.running({
    serviceId: 'orders',
    discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: proxy.port }] },
    resilience: { backoff: { initialMs: 1, maxMs: 1 } },
  });
  const client = orders.mesh.connect('payments');
  await orders.audit.waitFor('connection.open');
  return { orders, payments, proxy, delivered, call: (input) => client.call('pay', input) };
}

const outcomeOf = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

/** The one who got the record noticed, closed, said why; the other saw a connection cut short. And both work on. */
async function expectDetected({ orders, payments, proxy, call }: Siege, at: 'orders' | 'payments'): Promise<void> {
  const [victim, other] = at === 'orders' ? [orders, payments] : [payments, orders];
  expect(await victim.audit.waitFor('session.failed', 'record_invalid')).toMatchObject({
    eventType: 'error',
    targetServiceId: other.mesh.serviceId,
    details: { success: false, error: expect.stringMatching(/^record_invalid: /) },
  });
  await other.audit.waitFor('connection.truncated');
  await proxy.links[0]?.ended;
  expect(await call('afterwards')).toBe('afterwards');
  expect(victim.audit.having('session.failed')).toHaveLength(1);
}

const flip = (record: Buffer, position: number): Buffer => {
  const changed = Buffer.from(record);
  changed[position < 0 ? changed.length + position : position]! ^= 0x40;
  return changed;
};

/** What can be done to one record; what it decrypts to must never be seen. */
const alterations: readonly [string, (record: Buffer) => Buffer][] = [
  ['its epoch changed', (record) => Buffer.concat([Buffer.of((record[0] as number) ^ 1), record.subarray(1)])],
  ['its flags changed', (record) => Buffer.concat([Buffer.of((record[0] as number) ^ 0x10), record.subarray(1)])],
  ['the first byte of its ciphertext changed', (record) => flip(record, 1)],
  ['a byte in its middle changed', (record) => flip(record, record.length >> 1)],
  ['its tag changed', (record) => flip(record, -1)],
  ['its end cut off', (record) => record.subarray(0, -1)],
  ['a byte appended', (record) => Buffer.concat([record, Buffer.of(0)])],
  ['nothing but its header left', (record) => record.subarray(0, 1)],
  ['nothing left', () => Buffer.alloc(0)],
];

describe('a request record with', () => {
  test.each(alterations)('%s: nothing is delivered', async (_name, alter) => {
    const siege = await besieged('toServer', (record, index) => [index === 0 ? alter(record) : record]);
    const outcome = await outcomeOf(siege.call('tampered'));
    expect(outcome).toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
    expect(siege.delivered).toEqual([]);
    await expectDetected(siege, 'payments');
    expect(siege.delivered).toEqual(['afterwards']);
  });
});

describe('an answer record with', () => {
  test.each(alterations)('%s: no answer is believed, and the call is not sent again', async (_name, alter) => {
    const siege = await besieged('toClient', (record, index) => [index === 0 ? alter(record) : record]);
    const outcome = await outcomeOf(siege.call('tampered'));
    expect(outcome).toBeInstanceOf(MeshError);
    expect(outcome).toMatchObject({ reason: 'connection_lost', mayHaveRun: true, cause: expect.objectContaining({ reason: 'record_invalid' }) });
    expect(siege.delivered).toEqual(['tampered']);
    await expectDetected(siege, 'orders');
    expect(siege.delivered).toEqual(['tampered', 'afterwards']);
  });
});

describe('the order of records', () => {
  test('a request repeated on the wire runs once', async () => {
    const siege = await besieged('toServer', (record, index) => (index === 0 ? [record, record] : [record]));
    const outcome = await outcomeOf(siege.call('once'));
    // The answer may have got out before the second copy was seen, or not.
    if (outcome !== 'once') expect(outcome).toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
    expect(siege.delivered).toEqual(['once']);
    await expectDetected(siege, 'payments');
  });

  test('a request repeated much later runs once', async () => {
    let first: Buffer | undefined;
    const siege = await besieged('toServer', (record, index) => {
      first ??= record;
      return index === 3 ? [record, first] : [record];
    });
    for (const input of [1, 2, 3]) expect(await siege.call(input)).toBe(input);
    await outcomeOf(siege.call(4));
    expect(siege.delivered).toEqual([1, 2, 3, 4]);
    await expectDetected(siege, 'payments');
  });

  test('two requests swapped: neither runs', async () => {
    let held: Buffer | undefined;
    const siege = await besieged('toServer', (record, index) => {
      if (index === 0) held = record;
      return index === 0 ? [] : index === 1 ? [record, held as Buffer] : [record];
    });
    const first = outcomeOf(siege.call('first'));
    // A record of its own: records close at the end of a turn.
    await new Promise((resolve) => setImmediate(resolve));
    const outcomes = await Promise.all([first, outcomeOf(siege.call('second'))]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
    expect(siege.delivered).toEqual([]);
    await expectDetected(siege, 'payments');
  });

  test('a request dropped: the next one is not taken up', async () => {
    const siege = await besieged('toServer', (record, index) => (index === 0 ? [] : [record]));
    const first = outcomeOf(siege.call('dropped'));
    await new Promise((resolve) => setImmediate(resolve));
    const outcomes = await Promise.all([first, outcomeOf(siege.call('next'))]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
    expect(siege.delivered).toEqual([]);
    await expectDetected(siege, 'payments');
  });

  test('an answer dropped: the next one is not believed', async () => {
    const siege = await besieged('toClient', (record, index) => (index === 0 ? [] : [record]));
    const first = outcomeOf(siege.call('dropped'));
    // Answers of one turn share a record.
    await until('the first has run', () => siege.delivered.length === 1);
    await new Promise((resolve) => setImmediate(resolve));
    const outcomes = await Promise.all([first, outcomeOf(siege.call('next'))]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
    expect(siege.delivered).toEqual(['dropped', 'next']);
    await expectDetected(siege, 'orders');
  });

  test('an own record sent back: not taken for the peer\'s', async () => {
    let own: Buffer | undefined;
    const payments = await bed.running({ serviceId: 'payments' });
    payments.mesh.handle('pay', (input) => input);
    const proxy = bed.closing(
      await TcpProxy.to(
        payments.port,
        onMessages((direction, index, message, link) => {
          if (link.number > 0) return [message];
          if (direction === 'toServer' && index === 2) own = message;
          return [direction === 'toClient' && index === 2 ? (own as Buffer) : message];
        }),
      ),
    );
    const orders = await bed.running({ serviceId: 'orders', discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: proxy.port }] }, resilience: { backoff: { initialMs: 1, maxMs: 1 } } });
    await expect(orders.mesh.connect('payments').call('pay', 'mine')).rejects.toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
    await orders.audit.waitFor('session.failed', 'record_invalid');
  });

  test('a record of an earlier session: worth nothing in a later one', async () => {
    const payments = await bed.running({ serviceId: 'payments' });
    const delivered: unknown[] = [];
    payments.mesh.handle('pay', (input) => delivered.push(input));
    let earlier: Buffer | undefined;
    const proxy = bed.closing(
      await TcpProxy.to(
        payments.port,
        onMessages((direction, index, message, link) => {
          if (direction !== 'toServer' || index !== 2) return [message];
          if (link.number === 0) earlier = message;
          return [link.number === 1 ? (earlier as Buffer) : message];
        }),
      ),
    );
    const orders = await bed.running({ serviceId: 'orders', discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: proxy.port }] }, resilience: { backoff: { initialMs: 1, maxMs: 1 } } });
    expect(await orders.mesh.connect('payments').call('pay', 'transfer 100')).toBe(1);
    proxy.links[0]?.cut();
    await orders.audit.waitFor('connection.truncated');
    await expect(orders.mesh.connect('payments').call('pay', 'transfer 1')).rejects.toMatchObject({ reason: 'connection_lost' });
    await payments.audit.waitFor('session.failed', 'record_invalid');
    expect(delivered).toEqual(['transfer 100']);
  });
});

describe('the end of a connection', () => {
  test('without an authenticated CLOSE is audited as truncated at both ends', async () => {
    const { orders, payments, proxy, call } = await besieged('toServer', (record) => [record]);
    expect(await call(1)).toBe(1);
    proxy.links[0]?.cut();
    for (const { audit } of [orders, payments]) {
      expect(await audit.waitFor('connection.truncated')).toMatchObject({ eventType: 'connection', details: { success: false, error: expect.stringMatching(/^connection_truncated: /) } });
    }
  });

  test('with one is not', async () => {
    const { orders, payments, call } = await besieged('toServer', (record) => [record]);
    expect(await call(1)).toBe(1);
    await orders.mesh.close();
    expect((await payments.audit.waitFor('connection.close')).details.metadata).toMatchObject({ by: 'peer' });
    expect(orders.audit.having('connection.truncated')).toEqual([]);
    expect(payments.audit.having('connection.truncated')).toEqual([]);
  });

  test('a CLOSE that is held back by somebody who cuts the connection is a truncation', async () => {
    let closing = false;
    const siege = await besieged('toServer', (record) => (closing ? [] : [record]));
    expect(await siege.call(1)).toBe(1);
    closing = true;
    await siege.orders.mesh.close();
    await siege.payments.audit.waitFor('connection.truncated');
    expect(siege.payments.audit.having('connection.close')).toEqual([]);
  });
});
