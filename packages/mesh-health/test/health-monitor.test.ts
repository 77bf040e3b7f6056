import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, silentLogger, type HealthCheckResult, type HealthStatus } from '@lemur-bookstores/mesh-interface';
import type { HealthChange, OverallChange } from '../src/health-listeners.js';
import { HealthMonitor } from '../src/health-monitor.js';

let clock: FakeClock;
let monitor: HealthMonitor;
beforeEach(() => {
  clock = new FakeClock();
  monitor = new HealthMonitor(30_000, { clock, logger: silentLogger });
});
afterEach(() => monitor.stop());

const result = (status: HealthStatus): HealthCheckResult => ({ status, timestamp: new Date(0) });
const never = (): Promise<never> => new Promise(() => undefined);

/** A check whose answer a test sets, and which counts its calls. */
function dial(name: string, status: HealthStatus = 'healthy') {
  const check = {
    name,
    calls: 0,
    answer: (): unknown => result(status),
    check: () => {
      check.calls++;
      return check.answer() as Promise<HealthCheckResult>;
    },
  };
  return check;
}

describe('running checks', () => {
  test('runChecks() runs each and gives all results; getResults() keeps them', async () => {
    monitor.registerCheck(dial('a'));
    monitor.registerCheck({ name: 'b', critical: false, check: () => Promise.resolve({ ...result('degraded'), error: 'slow', details: { ms: 9 } }) });
    const results = await monitor.runChecks();
    expect(results).toEqual({ a: result('healthy'), b: { status: 'degraded', timestamp: new Date(0), error: 'slow', details: { ms: 9 } } });
    expect(monitor.getResults()).toEqual(results);
    expect(clock.pendingTimers).toBe(0);
    expect(Object.isFrozen(results['b']) && Object.isFrozen(results['b']!.details)).toBe(true);
  });

  test('start() runs all at once, then every interval; twice is once; stop() ends it and keeps the results', async () => {
    const check = dial('a');
    monitor.registerCheck(check);
    monitor.start();
    monitor.start();
    await clock.advance(0);
    expect(check.calls).toBe(1);
    await clock.advance(90_000);
    expect(check.calls).toBe(4);
    const late = dial('late');
    monitor.registerCheck(late);
    expect(late.calls).toBe(1);
    await clock.advance(0);
    monitor.stop();
    await clock.advance(300_000);
    expect(check.calls).toBe(4);
    expect(monitor.getOverallStatus()).toBe('healthy');
    expect(clock.pendingTimers).toBe(0);
    monitor.start();
    await clock.advance(30_000);
    expect(check.calls).toBe(6);
  });

  test('a check may have an interval of its own, also for how long its result is fresh', async () => {
    const [often, seldom] = [Object.assign(dial('often'), { intervalMs: 5_000 }), Object.assign(dial('seldom'), { intervalMs: 60_000 })];
    monitor.registerCheck(often);
    monitor.registerCheck(seldom);
    monitor.start();
    await clock.advance(60_000);
    expect([often.calls, seldom.calls]).toEqual([13, 2]);
    monitor.stop();
    await clock.advance(30_000);
    await monitor.health();
    expect([often.calls, seldom.calls]).toEqual([14, 2]);
    expect(monitor.unregisterCheck('often')).toBe(true);
    monitor.start();
    await clock.advance(60_000);
    expect([often.calls, seldom.calls]).toEqual([14, 4]);
    monitor.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  test('a check that is unregistered while it waits for its interval runs no more', async () => {
    const check = dial('a');
    monitor.registerCheck(check);
    monitor.start();
    await clock.advance(0);
    monitor.unregisterCheck('a');
    await clock.advance(90_000);
    expect([check.calls, clock.pendingTimers]).toEqual([1, 0]);
  });

  test('is single-flight per check: whoever asks joins the run under way', async () => {
    const check = dial('slow');
    let finish: (value: unknown) => void = () => undefined;
    check.answer = () => new Promise((resolve) => (finish = resolve));
    monitor.registerCheck(check);
    monitor.start();
    const runs = [monitor.runChecks(), monitor.runChecks(), monitor.health(1_000)];
    await clock.advance(10);
    expect(check.calls).toBe(1);
    finish(result('healthy'));
    await Promise.all(runs);
    expect(check.calls).toBe(1);
    check.answer = () => result('degraded');
    await monitor.runChecks();
    expect(check.calls).toBe(2);
  });

  test.each([
    ['throws', () => { throw new Error('db is down'); }, 'db is down'],
    ['rejects', () => Promise.reject(new MeshError('connect_failed', 'no route')), 'connect_failed: no route'],
    ['rejects with a text', () => Promise.reject('just a text'), 'just a text'],
    ['throws what cannot be shown', () => { throw Object.create(null); }, 'the check threw something that cannot be shown'],
    ['answers nothing', () => undefined, 'the check answered undefined instead of { status, timestamp }'],
    ['answers null', () => null, 'the check answered null instead of { status, timestamp }'],
    ['answers true', () => true, 'the check answered true instead of { status, timestamp }'],
    ['answers another status', () => ({ status: 'ok', timestamp: new Date() }), 'the check answered the status ok, which is none'],
    ['answers a status of the prototype', () => ({ status: 'constructor' }), 'the check answered the status constructor, which is none'],
    ['answers a symbol', () => ({ status: Symbol('x') }), 'the check answered the status Symbol(x), which is none'],
    ['answers a thenable that throws', () => ({ then: () => { throw new Error('hostile'); } }), 'hostile'],
    ['answers a getter that throws', () => ({ get status() { throw new Error('hostile'); } }), 'hostile'],
  ])('a check that %s is unhealthy with a message and without a stack', async (_what, answer, error) => {
    const bad = dial('bad');
    bad.answer = answer;
    monitor.registerCheck(bad);
    monitor.registerCheck(dial('good'));
    expect(await monitor.runChecks()).toEqual({ bad: { status: 'unhealthy', timestamp: new Date(clock.now()), error }, good: result('healthy') });
    expect(monitor.getOverallStatus()).toBe('unhealthy');
  });

  test('a message is one line, without stack, credentials and what would move a cursor', async () => {
    const say = async (error: unknown): Promise<string | undefined> => {
      const told = new HealthMonitor(1_000, { clock });
      told.registerCheck({ name: 'a', check: () => ({ ...result('unhealthy'), error: error as string }) });
      return (await told.runChecks())['a']!.error;
    };
    expect(await say(new Error('first\n  second\r\nthird'))).toBe('first second third');
    expect(await say(new Error('gone').stack)).toBe('Error: gone');
    expect(await say('cannot reach postgres://app:hunter2@db.internal:5432/orders')).toBe('cannot reach postgres://[redacted]@db.internal:5432/orders');
    expect(await say('red \u001b[31m text')).toBe('red \\u001b[31m text');
    expect(await say(Object.assign(new Error(), { message: { not: 'a text' } }))).toBe('[object Object]');
  });

  test('odd parts of an answer are put right; a message without end is cut', async () => {
    monitor.registerCheck({ name: 'odd', check: () => ({ status: 'degraded', timestamp: 'today', error: { toString: () => 'x'.repeat(10_000) }, details: 7, extra: 1 }) as never });
    expect((await monitor.runChecks())['odd']).toEqual({ status: 'degraded', timestamp: new Date(clock.now()), error: `${'x'.repeat(1_024)}…` });
  });

  test('one that hangs is unhealthy after its own timeout, keeps no other waiting, and is called anew by the next run', async () => {
    const hung = Object.assign(dial('hung'), { timeoutMs: 2_000 });
    const answers: ((value: unknown) => void)[] = [];
    hung.answer = () => new Promise((resolve) => answers.push(resolve));
    monitor.registerCheck(hung);
    monitor.registerCheck(dial('good'));
    monitor.start();
    await clock.advance(1_999);
    expect(monitor.getResults()).toMatchObject({ hung: { error: 'no result yet' }, good: { status: 'healthy' } });
    await clock.advance(1);
    expect(monitor.getResults()['hung']).toEqual({ status: 'unhealthy', timestamp: new Date(clock.now()), error: 'no answer within 2000 ms' });
    // A late answer is not mistaken for a new one.
    answers[0]!(result('healthy'));
    await clock.advance(1_000);
    expect(monitor.getOverallStatus()).toBe('unhealthy');
    hung.answer = () => result('healthy');
    await clock.advance(27_000);
    expect(hung.calls).toBe(2);
    expect(monitor.getOverallStatus()).toBe('healthy');
  });

  test('regression: a check that hangs is told so, and called no more while two calls have not ended', async () => {
    const signals: AbortSignal[] = [];
    const answers: ((value: HealthCheckResult) => void)[] = [];
    let calls = 0;
    monitor.registerCheck({
      name: 'hung',
      check: ({ signal }) => {
        calls++;
        signals.push(signal);
        return new Promise((resolve) => void answers.push(resolve));
      },
    });
    monitor.start();
    await clock.advance(4_999);
    expect(signals[0]!.aborted).toBe(false);
    await clock.advance(1);
    expect(signals[0]!.reason).toMatchObject({ reason: 'deadline_exceeded' });
    await clock.advance(295_000);
    expect(calls).toBe(2);
    expect(signals[1]!.aborted).toBe(true);
    expect(monitor.getResults()['hung']).toMatchObject({ status: 'unhealthy', error: 'still hanging: 2 calls have not ended' });
    // One of them ends: there is room for a call, and it is made at once, for what it hung on may be back.
    answers[0]!(result('healthy'));
    await clock.advance(0);
    expect(calls).toBe(3);
    answers[2]!(result('healthy'));
    await clock.advance(0);
    expect(monitor.getOverallStatus()).toBe('healthy');
    expect(signals[2]!.aborted).toBe(false);
    await clock.advance(30_000);
    expect(calls).toBe(4);
  });

  test('regression: a check that ends when its signal is aborted is called at every interval', async () => {
    let calls = 0;
    monitor.registerCheck({
      name: 'polite',
      check: ({ signal }) => {
        calls++;
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      },
    });
    monitor.start();
    await clock.advance(299_999);
    expect(calls).toBe(10);
    expect(monitor.getResults()['polite']).toMatchObject({ error: 'no answer within 5000 ms' });
  });

  test('the default timeout is 5 s', async () => {
    monitor.registerCheck({ name: 'hung', check: never });
    const running = monitor.runChecks();
    await clock.advance(4_999);
    expect(monitor.getResults()['hung']!.error).toBe('no result yet');
    await clock.advance(1);
    expect((await running)['hung']!.error).toBe('no answer within 5000 ms');
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('the overall status', () => {
  test('is the worst of the critical checks', async () => {
    expect(monitor.getOverallStatus()).toBe('healthy');
    const first = dial('first');
    monitor.registerCheck(first);
    monitor.registerCheck({ ...dial('optional', 'unhealthy'), critical: false });
    expect(monitor.getOverallStatus()).toBe('unhealthy');
    await monitor.runChecks();
    expect(monitor.getOverallStatus()).toBe('healthy');
    first.answer = () => result('degraded');
    await monitor.runChecks();
    expect(monitor.getOverallStatus()).toBe('degraded');
    monitor.registerCheck(dial('second', 'unhealthy'));
    await monitor.runChecks();
    expect(monitor.getOverallStatus()).toBe('unhealthy');
    expect(monitor.unregisterCheck('second')).toBe(true);
    expect(monitor.unregisterCheck('second')).toBe(false);
    expect(monitor.getOverallStatus()).toBe('degraded');
    expect(Object.keys(monitor.getResults())).toEqual(['first', 'optional']);
  });
});

describe('tags', () => {
  test('getTaggedResults() has the checks of any of the tags, critical or not', async () => {
    monitor.registerCheck({ ...dial('db'), tags: ['ready', 'storage'] });
    monitor.registerCheck({ ...dial('cache', 'degraded'), critical: false, tags: ['storage'] });
    monitor.registerCheck(dial('other'));
    expect(monitor.getTaggedResults(['ready'])).toEqual({ db: { status: 'unhealthy', timestamp: new Date(clock.now()), error: 'no result yet' } });
    await monitor.runChecks();
    expect(monitor.getTaggedResults(['storage', 'ready'])).toEqual({ db: result('healthy'), cache: result('degraded') });
    expect(monitor.getTaggedResults(['nobody'])).toEqual({});
  });
});

describe('health()', () => {
  test('runs checks that were never run, and answers with them', async () => {
    monitor.registerCheck(dial('a'));
    expect(await monitor.health()).toEqual({ status: 'healthy', checks: { a: result('healthy') } });
    expect(clock.pendingTimers).toBe(0);
  });

  test('waits 50 ms at most for one that takes longer; the run goes on', async () => {
    const slow = dial('slow');
    slow.answer = () => new Promise((resolve) => void clock.setTimeout(() => resolve(result('healthy')), 80));
    monitor.registerCheck(slow);
    let answered: unknown;
    void monitor.health().then((report) => (answered = report));
    await clock.advance(49);
    expect(answered).toBeUndefined();
    await clock.advance(1);
    expect(answered).toEqual({ status: 'unhealthy', checks: { slow: { status: 'unhealthy', timestamp: new Date(clock.now()), error: 'no result yet' } } });
    await clock.advance(30);
    expect(await monitor.health()).toEqual({ status: 'healthy', checks: { slow: result('healthy') } });
    expect(slow.calls).toBe(1);
  });

  test('uses results while they are fresh, and runs the check again when they are not', async () => {
    const check = dial('a');
    monitor.registerCheck(check);
    await monitor.health();
    clock.jump(86_400_000);
    await clock.advance(29_999);
    await monitor.health();
    expect(check.calls).toBe(1);
    check.answer = never;
    await clock.advance(1);
    const report = monitor.health();
    await clock.advance(50);
    // It hangs now: the last result counts until the timeout says otherwise.
    expect(await report).toEqual({ status: 'healthy', checks: { a: result('healthy') } });
    await clock.advance(5_000);
    const after = monitor.health();
    await clock.advance(50);
    expect((await after).status).toBe('unhealthy');
    expect(check.calls).toBe(2);
  });
});

describe('changes', () => {
  test('are told with what was and what is; the same status again is none', async () => {
    const changes: HealthChange[] = [];
    const check = dial('a');
    monitor.registerCheck(check);
    const end = monitor.on('change', (change) => changes.push(change));
    await monitor.runChecks();
    await monitor.runChecks();
    check.answer = () => ({ ...result('unhealthy'), error: 'gone' });
    await monitor.runChecks();
    end();
    check.answer = () => result('healthy');
    await monitor.runChecks();
    expect(changes).toEqual([
      { name: 'a', previous: undefined, status: 'healthy', critical: true, result: result('healthy'), overall: 'healthy' },
      { name: 'a', previous: 'healthy', status: 'unhealthy', critical: true, result: { ...result('unhealthy'), error: 'gone' }, overall: 'unhealthy' },
    ]);
  });

  test('of the overall status are told once every critical check has a result, and also when a check is taken away', async () => {
    const told: OverallChange[] = [];
    const [first, second] = [dial('first', 'degraded'), dial('second')];
    let finish: (value: unknown) => void = () => undefined;
    second.answer = () => new Promise((resolve) => (finish = resolve));
    monitor.registerCheck(first);
    monitor.registerCheck(second);
    monitor.registerCheck({ ...dial('optional', 'unhealthy'), critical: false });
    const end = monitor.on('overall', (change) => told.push(change));
    const running = monitor.runChecks();
    await clock.advance(0);
    expect(told).toEqual([]);
    finish(result('unhealthy'));
    await running;
    second.answer = () => result('unhealthy');
    await monitor.runChecks();
    monitor.unregisterCheck('second');
    first.answer = () => result('healthy');
    await monitor.runChecks();
    end();
    first.answer = () => result('unhealthy');
    await monitor.runChecks();
    expect(told).toEqual([
      { status: 'unhealthy', previous: undefined, because: ['second'] },
      { status: 'degraded', previous: 'unhealthy', because: ['first'] },
      { status: 'healthy', previous: 'degraded', because: ['first'] },
    ]);
  });

  test('of a check that was taken away meanwhile are not told', async () => {
    const changes: HealthChange[] = [];
    monitor.on('change', (change) => changes.push(change));
    monitor.registerCheck(dial('a'));
    const running = monitor.runChecks();
    monitor.unregisterCheck('a');
    await running;
    expect(changes).toEqual([]);
  });

  test('regression: an async listener or logger that rejects ends no process', async () => {
    const unhandled: unknown[] = [];
    const count = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', count);
    try {
      const said: unknown[] = [];
      const reject = (...line: unknown[]): Promise<void> => {
        said.push(line);
        return Promise.reject(new Error('the operational log is broken'));
      };
      const fragile = new HealthMonitor(1_000, { clock, logger: { debug: reject, info: reject, warn: reject, error: reject } });
      fragile.on('change', () => Promise.reject(new Error('bug')));
      fragile.registerCheck(dial('a'));
      expect(await fragile.runChecks()).toMatchObject({ a: { status: 'healthy' } });
      await clock.advance(0);
      await clock.advance(0);
      expect(said).toEqual([['a listener of health changes threw', { check: 'a', error: 'bug' }]]);
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', count);
    }
  });

  test('a listener or a logger that throws stops nobody', async () => {
    const bad = (): never => {
      throw new Error('bug');
    };
    const fragile = new HealthMonitor(1_000, { clock, logger: { debug: bad, info: bad, warn: bad, error: bad } });
    let told = 0;
    fragile.on('change', bad);
    fragile.on('change', () => told++);
    fragile.registerCheck(dial('a'));
    expect(await fragile.runChecks()).toMatchObject({ a: { status: 'healthy' } });
    expect(told).toBe(1);
  });
});

test('checks with names of the prototype are checks like any other', async () => {
  for (const name of ['__proto__', 'constructor', 'toString']) monitor.registerCheck(dial(name));
  const results = await monitor.runChecks();
  expect(Object.keys(results)).toEqual(['__proto__', 'constructor', 'toString']);
  expect(({} as { status?: unknown }).status).toBeUndefined();
});

test.each([null, undefined, 'text', () => 1])('regression: registerCheck(%p) is an invalid option', (check) => {
  expect(() => monitor.registerCheck(check as never)).toThrow(expect.objectContaining({ name: 'MeshError', reason: 'invalid_option' }));
});

test('invalid options are refused', () => {
  for (const interval of [0, -1, NaN, Infinity, '30' as never]) expect(() => new HealthMonitor(interval)).toThrow(/checkIntervalMs/);
  expect(() => monitor.registerCheck({ name: '', check: 'no' as never, timeoutMs: 0 })).toThrow(/name: .*; check: .*; timeoutMs: /);
  expect(() => monitor.registerCheck({ ...dial('a'), intervalMs: -1, critical: 'yes' as never, tags: [''] })).toThrow(/intervalMs: .*; critical: .*; tags: /);
  expect(() => monitor.registerCheck({ ...dial('a'.repeat(129)), tags: Array.from({ length: 17 }, String) })).toThrow(/name: .*; tags: /);
  monitor.registerCheck(dial('a'));
  for (let i = 1; i < 256; i++) monitor.registerCheck(dial(`a${i}`));
  expect(() => monitor.registerCheck(dial('one-too-many'))).toThrow(/256 already/);
  try {
    monitor.registerCheck(dial('a'));
    throw new Error('was accepted');
  } catch (error) {
    expect(error).toMatchObject({ name: 'MeshError', reason: 'duplicate_check', code: 'INVALID_ARGUMENT' });
  }
});
