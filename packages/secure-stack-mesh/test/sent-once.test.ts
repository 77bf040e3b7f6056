import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { Random } from './support/random.js';
import { TcpProxy, type Direction, type Interference } from './support/tcp-proxy.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** A logical call, how often its handler ran, and how it ended. */
interface Tally {
  readonly key: number;
  runs: number;
  readonly outcomes: (MeshError | { readonly key: number })[];
}

interface Body {
  readonly key: number;
  readonly padding: string;
}

/** Counts how often each call runs, at one or more instances. */
class CountingService {
  readonly tallies = new Map<number, Tally>();

  handleAt({ mesh }: TestMesh): void {
    mesh.handle<Body>('count', async ({ key, padding }) => {
      this.of(key).runs++;
      // Some answers come in the same turn, some later.
      if (key % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      return { key, padding: key % 5 === 0 ? padding : '' };
    });
  }

  of(key: number): Tally {
    let tally = this.tallies.get(key);
    if (tally === undefined) this.tallies.set(key, (tally = { key, runs: 0, outcomes: [] }));
    return tally;
  }

  /** Calls with every key from 0, some at a time, each once. */
  async call({ mesh }: TestMesh, calls: number, atOnce: number, random: Random): Promise<void> {
    const client = mesh.connect<{ count(body: Body): { key: number } }>('payments');
    let next = 0;
    const caller = async (): Promise<void> => {
      while (next < calls) {
        const key = next++;
        const { outcomes } = this.of(key);
        // Most fit a record; some need fragments.
        const padding = 'x'.repeat(key % 20 === 0 ? 300_000 + random.below(300_000) : random.below(2_000));
        await client.call('count', { key, padding }).then(
          (answer) => void outcomes.push(answer),
          (error: unknown) => void outcomes.push(error as MeshError),
        );
      }
    };
    await Promise.all(Array.from({ length: atOnce }, caller));
  }

  /** Every call ended once, none ran twice, and no error claims more than is true. @returns how many ended how */
  verify(): { answered: number; mayHaveRun: number; hasNotRun: number } {
    const count = { answered: 0, mayHaveRun: 0, hasNotRun: 0 };
    for (const { key, runs, outcomes } of this.tallies.values()) {
      expect({ key, outcomes: outcomes.length }).toEqual({ key, outcomes: 1 });
      const [outcome] = outcomes;
      if (!MeshError.is(outcome)) {
        expect({ key, runs, answer: outcome?.key }).toEqual({ key, runs: 1, answer: key });
        count.answered++;
      } else if (outcome.mayHaveRun === true) {
        expect({ key, atMostOnce: runs <= 1 }).toEqual({ key, atMostOnce: true });
        count.mayHaveRun++;
      } else {
        expect({ key, runs, reason: outcome.reason, mayHaveRun: outcome.mayHaveRun }).toEqual({ key, runs: 0, reason: outcome.reason, mayHaveRun: false });
        count.hasNotRun++;
      }
    }
    return count;
  }
}

/** From a random byte on, one direction or both of each connection are dead; soon the connection is, too. */
function cutter(random: Random): Interference {
  return (link) => {
    let left = random.below(4) === 0 ? random.below(3_000) : random.below(400_000);
    const dead = ([['toServer', 'toClient'], ['toServer', 'toClient'], ['toServer'], ['toClient']] as const)[random.below(4)] as readonly Direction[];
    const how = random.below(2) === 0 ? 'reset' : undefined;
    const wait = dead.length === 2 ? 0 : 20;
    return (direction, chunk) => {
      const end = chunk.length >= left && left > 0;
      const passes = left > 0 && chunk.length < left ? chunk : dead.includes(direction) ? chunk.subarray(0, Math.max(0, left)) : chunk;
      left -= chunk.length;
      if (passes.length > 0) link.forward(direction, passes);
      if (end) setTimeout(() => link.cut(how), wait);
    };
  };
}

describe('a call is never sent again when it may have run', () => {
  test.each([1, 2, 3])('connections cut at random points, round %d', async () => {
    const random = new Random();
    const counting = new CountingService();
    const payments = await bed.running({ serviceId: 'payments', limits: { addressBurst: 100_000 } });
    counting.handleAt(payments);
    const proxy = bed.closing(await TcpProxy.to(payments.port, cutter(random)));
    const orders = await bed.running({
      serviceId: 'orders',
      discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: proxy.port }] },
      // Retries must not run anything twice, either; a breaker that opens would keep calls from the cut connections.
      resilience: { backoff: { initialMs: 1, maxMs: 4 }, retry: { initialDelay: 1 }, circuitBreaker: { failureThreshold: 1_000_000 } },
    });

    await counting.call(orders, 400, 8, random);
    const cuts = proxy.links.length;
    // No request is under way any more: what has not run by now never will.
    await orders.mesh.close();
    await payments.mesh.close();

    const { answered, mayHaveRun, hasNotRun } = counting.verify();
    const found = `seed ${random.seed}: ${cuts} connections, ${answered} answered, ${mayHaveRun} may have run, ${hasNotRun} have not`;
    expect({ found, enough: answered > 0 && mayHaveRun > 0 && cuts > 5 }).toEqual({ found, enough: true });
    expect(answered + mayHaveRun + hasNotRun).toBe(400);
    expect(orders.mesh.getStats().metrics).toMatchObject({ messagesSent: 400, messagesFailed: mayHaveRun + hasNotRun });
  }, 20_000);

  test('an instance that goes in peace loses no call: what it has not taken up runs elsewhere, once', async () => {
    const counting = new CountingService();
    const [staying, leaving] = [await bed.running({ serviceId: 'payments' }), await bed.running({ serviceId: 'payments' })];
    for (const { mesh } of [staying, leaving]) {
      mesh.handle<Body>('count', async ({ key }) => {
        counting.of(key).runs++;
        await new Promise((resolve) => setTimeout(resolve, 5));
        return { key };
      });
    }
    const orders = await bed.running({
      serviceId: 'orders',
      discovery: { services: [staying, leaving].map(({ port }) => ({ id: 'payments', host: '127.0.0.1', port })) },
    });
    await until('both are connected', () => orders.mesh.getStats().sessions.activeSessions === 2);

    // New calls in every turn of the event loop: some cross the GOAWAY on their way.
    const client = orders.mesh.connect<{ count(body: Body): { key: number } }>('payments');
    const calls: Promise<unknown>[] = [];
    let left: Promise<void> | undefined;
    for (let key = 0; key < 900; key++) {
      const { outcomes } = counting.of(key);
      calls.push(client.call('count', { key, padding: '' }).then((answer) => outcomes.push(answer), (error: unknown) => outcomes.push(error as MeshError)));
      if (key === 450) left = leaving.mesh.close();
      if (key % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(calls);
    await left;
    await staying.mesh.close();

    expect(counting.verify()).toEqual({ answered: 900, mayHaveRun: 0, hasNotRun: 0 });
    const [here, there] = [staying, leaving].map(({ mesh }) => mesh.getStats().metrics.messagesReceived);
    expect(here! + there!).toBe(900);
    expect(there).toBeGreaterThan(100);
  });

  test('an instance that is killed: calls at it may have run, the rest does not notice', async () => {
    const random = new Random(2);
    const counting = new CountingService();
    const [staying, dying] = [await bed.running({ serviceId: 'payments' }), await bed.running({ serviceId: 'payments' })];
    counting.handleAt(staying);
    counting.handleAt(dying);
    const proxy = bed.closing(await TcpProxy.to(dying.port));
    const orders = await bed.running({
      serviceId: 'orders',
      discovery: { services: [staying.port, proxy.port].map((port) => ({ id: 'payments', host: '127.0.0.1', port })) },
    });
    const calls = counting.call(orders, 600, 16, random);
    await dying.audit.waitFor('message.received');
    // Gone for good: whoever dials again gets nowhere.
    proxy.interference = (link) => () => link.cut();
    for (const link of proxy.links) link.cut('reset');
    await calls;
    await Promise.all([staying.mesh.close(), dying.mesh.close()]);

    const { answered, mayHaveRun, hasNotRun } = counting.verify();
    expect({ answered: answered >= 600 - 16, mayHaveRun: mayHaveRun <= 16, hasNotRun }).toEqual({ answered: true, mayHaveRun: true, hasNotRun: 0 });
  });

  test('connections that never come about: no call has run, and every one says so', async () => {
    const counting = new CountingService();
    const payments = await bed.running({ serviceId: 'payments' });
    counting.handleAt(payments);
    const proxy = bed.closing(await TcpProxy.to(payments.port, (link) => () => link.cut()));
    const orders = await bed.running({ serviceId: 'orders', discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: proxy.port }] } });
    await counting.call(orders, 20, 20, new Random(3));
    expect(counting.verify()).toEqual({ answered: 0, mayHaveRun: 0, hasNotRun: 20 });
  });
});
