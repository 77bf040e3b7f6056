import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type Logger } from '@lemur-bookstores/mesh-interface';
import type { BreakerTransition } from '../../src/breaker/breaker.js';
import { CircuitBreaker } from '../../src/breaker/circuit-breaker.js';
import { Answer, failureOf, inbound, outbound } from '../support/calls.js';
import { RecordingAudit } from '../support/recording-audit.js';

const down = new MeshError('connect_failed', 'nobody there', { mayHaveRun: false });
const fails = (error: unknown = down) => () => Promise.reject(error);
const answers = () => Promise.resolve('answer');

describe('the interceptor', () => {
  test('hands results and errors on as they are', async () => {
    const { interceptor } = new CircuitBreaker({ clock: new FakeClock() });
    expect(await interceptor(outbound(), answers)).toBe('answer');
    expect(await failureOf(interceptor(outbound(), fails('a text')))).toBe('a text');
    expect(
      await failureOf(
        interceptor(outbound(), () => {
          throw down;
        }),
      ),
    ).toBe(down);
  });

  test('keeps a breaker for each service called', async () => {
    const breaker = new CircuitBreaker({ clock: new FakeClock(), failureThreshold: 2 });
    for (let i = 0; i < 2; i++) await failureOf(breaker.interceptor(outbound(), fails()));
    let called = 0;
    expect(await failureOf(breaker.interceptor(outbound(), async () => called++))).toMatchObject({ reason: 'circuit_open', mayHaveRun: false, retryAfterMs: 60_000 });
    expect(called).toBe(0);
    expect(await breaker.interceptor(outbound({ service: 'users' }), answers)).toBe('answer');
    expect([breaker.breakerOf('payments').state, breaker.breakerOf('users').state, breaker.state]).toEqual(['open', 'closed', 'open']);
  });

  test('lets one probe through, while another is refused', async () => {
    const clock = new FakeClock();
    const breaker = new CircuitBreaker({ clock, failureThreshold: 1, successThreshold: 1 });
    await failureOf(breaker.interceptor(outbound(), fails()));
    await clock.advance(60_000);
    const answer = new Answer();
    const probe = breaker.interceptor(outbound(), () => answer.promise);
    expect(await failureOf(breaker.interceptor(outbound(), answers))).toMatchObject({ reason: 'circuit_open' });
    expect(breaker.state).toBe('half-open');
    answer.resolve('back');
    expect(await probe).toBe('back');
    expect(breaker.state).toBe('closed');
  });

  test('counts timeouts, and not what the caller gave up', async () => {
    const breaker = new CircuitBreaker({ clock: new FakeClock(), failureThreshold: 1 });
    const left = AbortSignal.abort(new Error('the user left'));
    await failureOf(breaker.interceptor(outbound({ signal: left }), fails(left.reason)));
    expect(breaker.state).toBe('closed');
    const late = AbortSignal.abort(new MeshError('deadline_exceeded', 'no answer'));
    await failureOf(breaker.interceptor(outbound({ signal: late }), fails(new MeshError('cancelled', 'the call was cancelled', { cause: late.reason }))));
    expect(breaker.state).toBe('open');
  });

  test('is for calls out', async () => {
    const breaker = new CircuitBreaker({ clock: new FakeClock(), failureThreshold: 1 });
    for (let i = 0; i < 3; i++) expect(await failureOf(breaker.interceptor(inbound(), fails()))).toBe(down);
    expect(breaker.state).toBe('closed');
  });

  test('keeps as many breakers as it is told: the oldest that is closed goes first', async () => {
    const breaker = new CircuitBreaker({ clock: new FakeClock(), failureThreshold: 1, maxTargets: 2 });
    await failureOf(breaker.interceptor(outbound({ service: 'down' }), fails()));
    const closed = breaker.breakerOf('up');
    for (const service of ['a', 'b', 'c']) await breaker.interceptor(outbound({ service }), answers);
    expect(breaker.breakerOf('down').state).toBe('open');
    expect(breaker.breakerOf('up')).not.toBe(closed);
  });
});

describe('breakers of endpoints', () => {
  test('each has its own state, and none counts for the interceptor', () => {
    const breakers = new CircuitBreaker({ clock: new FakeClock(), failureThreshold: 1 });
    const [one, other] = [breakers.breakerFor('payments', 'a:1'), breakers.breakerFor('payments', 'b:1')];
    one.settle(one.admit(), down);
    expect([one.state, other.state, breakers.state]).toEqual(['open', 'closed', 'closed']);
  });

  test('whoever calls them says whether an endpoint answered', async () => {
    const clock = new FakeClock();
    const breaker = new CircuitBreaker({ clock, failureThreshold: 1, successThreshold: 1 }).breakerFor('payments', 'a:1');
    breaker.settle(breaker.admit(), down);
    await clock.advance(60_000);
    const refused = new MeshError('unknown_method', 'there is none', { mayHaveRun: false });
    breaker.settle(breaker.admit(), refused);
    expect(breaker.state).toBe('half-open');
    breaker.settle(breaker.admit(), refused, true);
    expect(breaker.state).toBe('closed');
  });
});

describe('transitions', () => {
  test('are told to each listener until it leaves, also where one throws', () => {
    const errors: string[] = [];
    const logger: Logger = { debug() {}, info() {}, warn() {}, error: (message) => void errors.push(message) };
    const breakers = new CircuitBreaker({ clock: new FakeClock(), failureThreshold: 1, logger });
    const told: BreakerTransition[] = [];
    breakers.onTransition(() => {
      throw new Error('not mine');
    });
    const listener = (transition: BreakerTransition): void => void told.push(transition);
    const [leave, leaveOther] = [breakers.onTransition(listener), breakers.onTransition(listener)];
    const trip = (): void => {
      const breaker = breakers.breakerFor('payments', 'a:1');
      breaker.settle(breaker.admit(), down);
    };
    trip();
    expect([told.length, errors]).toEqual([2, ['a listener of the circuit breaker threw']]);
    leave();
    trip();
    expect(told).toHaveLength(3);
    leaveOther();
    leaveOther();
    trip();
    expect(told).toHaveLength(3);
  });

  test('are audit events, one each', async () => {
    const clock = new FakeClock();
    const audit = new RecordingAudit();
    const breaker = new CircuitBreaker({ clock, audit, failureThreshold: 2, successThreshold: 1, timeout: 1_000 });
    for (let i = 0; i < 5; i++) await failureOf(breaker.interceptor(outbound(), fails()));
    await clock.advance(1_000);
    await breaker.interceptor(outbound(), answers);
    await breaker.interceptor(outbound(), answers);
    const metadata = { direction: 'outbound', endpoint: '*' };
    const event = (details: object): object => ({ eventType: 'circuit_breaker', targetServiceId: 'payments', details });
    expect(audit.events).toEqual([
      event({
        action: 'breaker.opened',
        success: false,
        error: 'circuit_open: 2 calls failed, the last with connect_failed',
        metadata: { ...metadata, from: 'closed', failures: 2, lastReason: 'connect_failed', openForMs: 1_000 },
      }),
      event({ action: 'breaker.half_open', success: true, duration: 1_000, metadata }),
      event({ action: 'breaker.closed', success: true, duration: 1_000, metadata }),
    ]);
  });
});
