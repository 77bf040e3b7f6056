import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type InterceptedCall } from '@lemur-bookstores/mesh-interface';
import { CircuitBreaker } from '../../src/breaker/circuit-breaker.js';
import { callThrough } from '../../src/chain/call-through.js';
import { compose } from '../../src/chain/compose.js';
import { CHAIN_ORDER, resilienceChain, type ResilienceParts } from '../../src/chain/resilience-chain.js';
import { ConcurrencyLimit } from '../../src/concurrency/concurrency-limit.js';
import { DeadlinePropagation } from '../../src/deadline/deadline-propagation.js';
import { RateLimiter } from '../../src/rate/rate-limiter.js';
import { Retry } from '../../src/retry/retry.js';
import { failureOf, inbound, outbound } from '../support/calls.js';

const notSent = new MeshError('connection_lost', 'gone', { mayHaveRun: false });

test('interceptors are composed with the first one outermost; none is none', async () => {
  const order: string[] = [];
  const named = (name: string) => async (call: InterceptedCall, next: (call: InterceptedCall) => Promise<unknown>) => {
    order.push(name);
    return `${name}(${String(await next({ ...call, input: `${String(call.input)}${name}` }))})`;
  };
  const answer = (call: InterceptedCall): Promise<unknown> => Promise.resolve(call.input);
  expect(await compose([])(outbound(), answer)).toBe(1);
  expect(await compose([named('a')])(outbound(), answer)).toBe('a(1a)');
  order.length = 0;
  expect(await compose([named('a'), named('b'), named('c')])(outbound(), answer)).toBe('a(b(c(1abc)))');
  expect(order).toEqual(['a', 'b', 'c']);
});

describe('the order', () => {
  function rig(): { clock: FakeClock; parts: Required<{ [Part in keyof ResilienceParts]: NonNullable<ResilienceParts[Part]> }> } {
    const clock = new FakeClock();
    const often = { maxRequests: 1_000, windowMs: 1_000, clock };
    return {
      clock,
      parts: {
        rateLimiter: new RateLimiter(often),
        outboundRateLimiter: new RateLimiter({ ...often, direction: 'outbound' }),
        deadline: new DeadlinePropagation({ clock }),
        concurrencyLimit: new ConcurrencyLimit({ limit: 1, queue: 0, clock }),
        outboundConcurrencyLimit: new ConcurrencyLimit({ limit: 1, queue: 0, clock, direction: 'outbound' }),
        retry: new Retry({ clock, random: () => 0.5 }),
        circuitBreaker: new CircuitBreaker({ clock, failureThreshold: 2 }),
      },
    };
  }

  test('is the one that is stated, whichever the order of the parts', async () => {
    expect(CHAIN_ORDER).toEqual({
      inbound: ['rateLimiter', 'deadline', 'concurrencyLimit'],
      outbound: ['outboundRateLimiter', 'deadline', 'outboundConcurrencyLimit', 'retry', 'circuitBreaker'],
    });
    const passed: string[] = [];
    const names = [...new Set([...CHAIN_ORDER.outbound, ...CHAIN_ORDER.inbound])].reverse();
    const parts = Object.fromEntries(
      names.map((name) => [
        name,
        {
          direction: name.startsWith('outbound') ? 'outbound' : 'inbound',
          interceptor: (call: InterceptedCall, next: (call: InterceptedCall) => Promise<unknown>) => (passed.push(name), next(call)),
        },
      ]),
    ) as unknown as ResilienceParts;
    await resilienceChain(parts)(outbound(), () => Promise.resolve());
    expect(passed.splice(0)).toEqual(CHAIN_ORDER.outbound);
    await resilienceChain(parts)(inbound(), () => Promise.resolve());
    expect(passed).toEqual(CHAIN_ORDER.inbound);
  });

  test('a limit that is for the other direction would do nothing: it is refused', () => {
    const { rateLimiter, outboundRateLimiter, concurrencyLimit, outboundConcurrencyLimit } = rig().parts;
    const crossed = { rateLimiter: outboundRateLimiter, outboundRateLimiter: rateLimiter, concurrencyLimit: outboundConcurrencyLimit, outboundConcurrencyLimit: concurrencyLimit };
    const problems = ['rateLimiter: is for outbound calls', 'outboundRateLimiter: is for inbound calls', 'concurrencyLimit: is for outbound calls', 'outboundConcurrencyLimit: is for inbound calls'];
    expect(() => resilienceChain(crossed)).toThrow(expect.objectContaining({ reason: 'invalid_option', details: { problems } }));
  });

  test('every attempt costs the breaker, and only the call costs a place and the limits', async () => {
    const { clock, parts } = rig();
    const once = new RateLimiter({ maxRequests: 1, windowMs: 60_000, direction: 'outbound', clock });
    const chain = resilienceChain({ ...parts, outboundRateLimiter: once });
    let attempts = 0;
    const outcome = failureOf(chain(outbound({ deadline: 30_000 }), () => Promise.reject((attempts++, notSent))));
    expect([parts.outboundConcurrencyLimit.running, attempts]).toEqual([1, 1]);
    await clock.advance(1_500);
    // The second failure opened it: the third attempt was not made.
    expect(await outcome).toMatchObject({ reason: 'circuit_open', mayHaveRun: false });
    expect([attempts, parts.circuitBreaker.state]).toEqual([2, 'open']);
    expect(parts.outboundConcurrencyLimit.running).toBe(0);
  });

  test('an attempt that the breaker refuses is waited for as long as it says, within the deadline', async () => {
    const { clock, parts } = rig();
    const chain = resilienceChain({ ...parts, circuitBreaker: new CircuitBreaker({ clock, failureThreshold: 1, timeout: 2_000 }) });
    let down = true;
    const send = (): Promise<unknown> => (down ? Promise.reject(notSent) : Promise.resolve('back'));
    const outcome = chain(outbound({ deadline: 30_000 }), send);
    down = false;
    // At 500 it is refused for another 1,500.
    await clock.advance(1_999);
    expect(await Promise.race([outcome, Promise.resolve('waiting')])).toBe('waiting');
    await clock.advance(1);
    expect(await outcome).toBe('back');
  });

  test('a timeout counts for the breaker: the deadline is outside it', async () => {
    const { clock, parts } = rig();
    const chain = resilienceChain(parts);
    for (let i = 0; i < 2; i++) {
      const outcome = failureOf(
        callThrough(chain, { service: 'payments', method: 'charge', timeoutMs: 100, clock }, ({ signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))),
      );
      await clock.advance(100);
      expect(await outcome).toMatchObject({ reason: 'deadline_exceeded', mayHaveRun: true });
    }
    expect(parts.circuitBreaker.state).toBe('open');
  });

  test('a call in that is limited takes no place', async () => {
    const { clock, parts } = rig();
    const chain = resilienceChain({ ...parts, rateLimiter: new RateLimiter({ maxRequests: 1, windowMs: 1_000, clock }), concurrencyLimit: new ConcurrencyLimit({ limit: 1, queue: 1, clock }) });
    void chain(inbound(), () => new Promise(() => {}));
    for (let i = 0; i < 10; i++) expect(await failureOf(chain(inbound(), () => Promise.resolve()))).toMatchObject({ reason: 'rate_limited' });
  });

  test('a call in goes through nothing that is for calls out', async () => {
    const { parts } = rig();
    const chain = resilienceChain(parts);
    for (let i = 0; i < 5; i++) expect(await failureOf(chain(inbound(), () => Promise.reject(notSent)))).toBe(notSent);
    expect([parts.circuitBreaker.state, parts.retry.counts.retried]).toEqual(['closed', 0]);
  });

  test('what waits in line does so within the deadline of the call around it', async () => {
    const { clock, parts } = rig();
    const chain = resilienceChain({ ...parts, outboundConcurrencyLimit: new ConcurrencyLimit({ limit: 1, queue: 1, clock, direction: 'outbound' }) });
    void chain(outbound(), () => new Promise(() => {}));
    const outcome = failureOf(chain(inbound({ deadline: 200 }), () => chain(outbound({ deadline: 30_000 }), () => Promise.resolve())));
    await clock.advance(200);
    expect(await outcome).toMatchObject({ reason: 'deadline_exceeded', mayHaveRun: false });
  });
});
