import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, silentLogger, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { AuditLogger } from '../../src/audit-logger.js';
import type { Alert, AlertRule } from '../../src/wrapping/alert.js';
import { AlertRulesAdapter } from '../../src/wrapping/alert-rules-adapter.js';
import type { AlertRulesAdapterOptions } from '../../src/wrapping/alert-options.js';
import { message, never, RecordingLogger, security } from '../support.js';
import { eventOf, FullAdapter } from './support.js';

const failures: AlertRule = { name: 'auth', when: { eventType: 'connection', success: false } };

function alerting(options: Partial<AlertRulesAdapterOptions> = {}) {
  const clock = new FakeClock();
  const alerts: Alert[] = [];
  const adapter = new AlertRulesAdapter({ rules: [failures], notify: (alert) => void alerts.push(alert), clock, logger: silentLogger, ...options });
  return { clock, alerts, adapter };
}

let last = 0;
const failure = (target?: string, error?: string): MeshAuditEvent =>
  eventOf(++last, 'connection', { ...(error === undefined ? {} : { error }) }, target === undefined ? {} : { targetServiceId: target });

describe('rules', () => {
  test.each<[string, AlertRule['when'], number[]]>([
    ['a type', { eventType: 'error' }, [3]],
    ['types', { eventType: ['error', 'message'] }, [1, 3, 4]],
    ['an action', { action: 'auth.failed' }, [2, 5]],
    ['actions and success', { action: ['auth.failed', 'message.sent'], success: true }, [1, 5]],
    ['a function', (event) => event.sequence > 3, [4, 5]],
  ])('by %s', async (_name, when, expected) => {
    const events = [eventOf(1), eventOf(2, 'connection'), eventOf(3, 'error', { action: 'x' }), eventOf(4, 'message', { success: false }), eventOf(5, 'connection', { success: true })];
    const { alerts, adapter } = alerting({ rules: [{ name: 'rule', when }], dedupMs: 0 });
    expect(events.filter((event) => adapter.accepts(event)).map(({ sequence }) => sequence)).toEqual(expected);
    for (const event of events) await adapter.logEvent(event);
    expect(alerts.map(({ event }) => event.sequence)).toEqual(expected);
  });

  test('an alert says what, where, how bad, how often, and by which key', async () => {
    const { alerts, adapter } = alerting({ rules: [{ ...failures, severity: 'critical' }] });
    const event = failure('payment-service', 'peer_untrusted: \u001b[31mnot ours\n');
    await adapter.logEvent(event);
    expect(alerts).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{14}7/),
        rule: 'auth',
        severity: 'critical',
        dedupKey: 'order-service/auth/payment-service',
        summary: 'auth in order-service → payment-service: auth.failed: peer_untrusted: \\u001b[31mnot ours\\u000a',
        serviceId: 'order-service',
        count: 1,
        heldBack: 0,
        rules: { auth: 1 },
        firstAt: new Date(Date.UTC(2026, 0, 1)),
        lastAt: new Date(Date.UTC(2026, 0, 1)),
        event,
      },
    ]);
    expect(Object.isFrozen(alerts[0])).toBe(true);
  });

  test('one that throws or answers no boolean does not match, with a warning that names it, and disturbs no other', async () => {
    const logger = new RecordingLogger();
    const broken = {
      name: 'broken',
      when: () => {
        throw new TypeError('no such field');
      },
    };
    const odd = { name: 'odd', when: () => Promise.reject(new Error('async')) as never };
    const { alerts, adapter } = alerting({ logger, rules: [broken, odd, { ...failures, dedupKey: () => 7 as never }] });
    await adapter.logEvent(failure('a'));
    expect(alerts.map(({ rule, dedupKey }) => [rule, dedupKey])).toEqual([['auth', 'order-service/auth']]);
    expect(logger.lines).toMatchObject([{ level: 'warn', message: expect.stringContaining("'broken'"), fields: { error: expect.stringContaining('no such field') } }]);
  });
});

describe('a threshold', () => {
  const threshold = { count: 3, windowMs: 1_000 };

  test('is met by so many within the window, which slides', async () => {
    const { clock, alerts, adapter } = alerting({ rules: [{ ...failures, threshold }], dedupMs: 0 });
    const at = async (ms: number): Promise<void> => {
      await clock.advance(ms - clock.monotonic());
      await adapter.logEvent(failure('a'));
    };
    for (const ms of [0, 600, 1_001, 1_599]) await at(ms);
    // 600, 1001 and 1599 are within 1 s; 0, 600 and 1001 are not.
    expect(alerts).toHaveLength(1);
    // As many again for the next.
    for (const ms of [1_600, 1_700]) await at(ms);
    expect(alerts).toHaveLength(1);
    await at(1_800);
    expect(alerts).toHaveLength(2);
  });

  test('counts for each key of its own', async () => {
    const { alerts, adapter } = alerting({ rules: [{ ...failures, threshold }] });
    for (const target of ['a', 'b', 'a', 'b', 'c', 'a']) await adapter.logEvent(failure(target));
    expect(alerts.map(({ dedupKey }) => dedupKey)).toEqual(['order-service/auth/a']);
  });

  test('exactly as a count of what lies within the window would have it, for any stream', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 40 }), async (waits) => {
        const { clock, alerts, adapter } = alerting({ rules: [{ ...failures, threshold }], dedupMs: 0, maxPerMinute: 1_000 });
        let expected = 0;
        let counted: number[] = [];
        let now = 0;
        for (const wait of waits) {
          now += wait;
          await clock.advance(wait);
          await adapter.logEvent(failure());
          counted = [...counted, now].filter((at) => now - at <= threshold.windowMs);
          if (counted.length === threshold.count) {
            expected++;
            counted = [];
          }
        }
        expect(alerts).toHaveLength(expected);
      }),
      { numRuns: 60 },
    );
  });
});

describe('de-duplication', () => {
  test('one alert at once, then one in a window with the count of what was held back', async () => {
    const { clock, alerts, adapter } = alerting({ dedupMs: 60_000 });
    for (let index = 0; index < 5; index++) {
      await adapter.logEvent(failure('a'));
      await clock.advance(1_000);
    }
    await adapter.logEvent(failure('b'));
    expect(alerts.map(({ dedupKey, count }) => [dedupKey, count])).toEqual([['order-service/auth/a', 1], ['order-service/auth/b', 1]]);
    await clock.advance(60_000);
    expect(alerts.slice(2)).toMatchObject([{ dedupKey: 'order-service/auth/a', count: 4, heldBack: 4, firstAt: new Date(Date.UTC(2026, 0, 1, 0, 0, 1)) }]);
    expect(alerts[2]!.summary).toBe('auth in order-service → a, 4 times since 2026-01-01T00:00:01.000Z: auth.failed');
    // The window of that one: what comes in it waits again, and where nothing came the key is forgotten.
    await adapter.logEvent(failure('a'));
    expect(alerts).toHaveLength(3);
    await clock.advance(200_000);
    expect(alerts.slice(3).map(({ count }) => count)).toEqual([1]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('by a key of the rule\'s own', async () => {
    const { alerts, adapter } = alerting({ rules: [{ ...failures, dedupKey: ({ details }) => details.error ?? '' }] });
    for (const error of ['x', 'y', 'x']) await adapter.logEvent(failure('a', error));
    expect(alerts.map(({ dedupKey }) => dedupKey)).toEqual(['order-service/auth/x', 'order-service/auth/y']);
  });

  test('keys beyond the bound share one; those nothing happened to for long make room', async () => {
    const { clock, alerts, adapter } = alerting({ rules: [{ ...failures, threshold: { count: 2, windowMs: 1_000 } }], maxKeys: 2, dedupMs: 60_000 });
    for (const target of ['a', 'b', 'c', 'd']) await adapter.logEvent(failure(target));
    expect(alerts.map(({ dedupKey }) => dedupKey)).toEqual(['order-service/auth/_OTHER']);
    await clock.advance(5_000);
    await adapter.logEvent(failure('e'));
    await adapter.logEvent(failure('e'));
    expect(alerts[1]!.dedupKey).toBe('order-service/auth/e');
  });

  test('an alert that keeps an event for long keeps it without its metadata', async () => {
    const { clock, alerts, adapter } = alerting({ dedupMs: 1_000 });
    for (let index = 0; index < 2; index++) await adapter.logEvent(eventOf(++last, 'connection', { error: 'e'.repeat(9_000), metadata: { text: 'x'.repeat(60_000) } }));
    await clock.advance(1_000);
    expect(alerts[0]!.event.details.metadata).toBeDefined();
    expect(alerts[1]!.event.details).toEqual({ action: 'auth.failed', success: false, error: 'e'.repeat(512) });
  });

  test('close() tells what is held back, as one alert', async () => {
    const { clock, alerts, adapter } = alerting({ rules: [failures, { name: 'errors', when: { eventType: 'error' }, severity: 'error' }] });
    for (const target of ['a', 'a', 'b', 'b', 'b']) await adapter.logEvent(failure(target));
    for (let index = 0; index < 2; index++) await adapter.logEvent(eventOf(++last, 'error'));
    await adapter.close();
    expect(alerts.at(-1)).toMatchObject({
      rule: '_SEVERAL', dedupKey: 'order-service/_SEVERAL', severity: 'error', count: 4, heldBack: 4, rules: { auth: 3, errors: 1 },
      summary: expect.stringContaining('auth 3x, errors 1x in order-service, 4 times since'),
    });
    expect(clock.pendingTimers).toBe(0);
    await adapter.close();
    await expect(adapter.logEvent(failure())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false });
  });
});

describe('the bound on the rate', () => {
  test('what exceeds it is one later alert, with all counts', async () => {
    const { clock, alerts, adapter } = alerting({ maxPerMinute: 2, rules: [failures, { name: 'pay', when: { action: 'pay' }, severity: 'critical' }] });
    for (const target of ['a', 'b', 'c', 'd', 'd', 'e']) await adapter.logEvent(failure(target));
    await adapter.logEvent(eventOf(++last, 'system', { action: 'pay' }));
    expect(alerts).toHaveLength(2);
    expect(adapter.stats).toEqual({ met: 7, told: 2, heldBack: 1, waiting: 4, refused: 0 });
    await clock.advance(59_999);
    expect(alerts).toHaveLength(2);
    await clock.advance(1);
    expect(alerts[2]).toMatchObject({ rule: '_SEVERAL', severity: 'critical', count: 4, heldBack: 4, rules: { auth: 3, pay: 1 } });
  });

  test('a single one that exceeds it is itself, later', async () => {
    const { clock, alerts, adapter } = alerting({ maxPerMinute: 1 });
    await adapter.logEvent(failure('a'));
    await adapter.logEvent(failure('b'));
    await clock.advance(60_000);
    expect(alerts[1]).toMatchObject({ rule: 'auth', dedupKey: 'order-service/auth/b', count: 1, heldBack: 1 });
  });
});

describe('notifying that fails', () => {
  test('is the event\'s failure; the retry sends what is left, counts nothing twice and keeps the id', async () => {
    const tries: Alert[] = [];
    const { clock, adapter } = alerting({
      rules: [failures, { name: 'all', when: () => true }],
      notify: (alert) => {
        tries.push(alert);
        if (tries.length === 2) throw new MeshError('queue_full', 'busy', { retryAfterMs: 50 });
      },
    });
    const [first, second] = [failure('a'), failure('a')];
    await expect(adapter.logEvent(first)).rejects.toMatchObject({ reason: 'queue_full', retryAfterMs: 50 });
    expect(adapter.stats).toEqual({ met: 2, told: 1, heldBack: 0, waiting: 1, refused: 0 });
    for (let index = 0; index < 3; index++) await adapter.logEvent({ ...first });
    await adapter.logEvent(second);
    expect(tries.map(({ rule }) => rule)).toEqual(['auth', 'all', 'all']);
    expect(tries[1]).toBe(tries[2]);
    expect(adapter.stats).toEqual({ met: 4, told: 2, heldBack: 2, waiting: 0, refused: 0 });
    // The two windows: no retry is left.
    expect(clock.pendingTimers).toBe(2);
  });

  test('by itself it does not ask a target again before the time that this asked for', async () => {
    const tries: number[] = [];
    const { clock, adapter } = alerting({
      dedupMs: 1_000,
      notify: ({ dedupKey }) => {
        tries.push(clock.monotonic());
        if (dedupKey.endsWith('/b')) throw new MeshError('queue_full', 'busy', { retryAfterMs: 60_000 });
      },
    });
    await adapter.logEvent(failure('a'));
    await adapter.logEvent(failure('a'));
    await expect(adapter.logEvent(failure('b'))).rejects.toMatchObject({ retryAfterMs: 60_000 });
    await clock.advance(59_999);
    expect(tries).toEqual([0, 0]);
    await clock.advance(1);
    expect(tries).toEqual([0, 0, 60_000]);
  });

  test('is tried again by itself where nobody asks, and at flush()', async () => {
    let down = true;
    const { clock, alerts, adapter } = alerting({
      dedupMs: 1_000,
      notify: (alert) => {
        if (down && alert.heldBack > 0) throw new Error('down');
        alerts.push(alert);
      },
    });
    await adapter.logEvent(failure('a'));
    await adapter.logEvent(failure('a'));
    await clock.advance(1_000);
    expect(alerts).toHaveLength(1);
    await expect(adapter.flush()).rejects.toMatchObject({ retryable: true });
    down = false;
    await clock.advance(10_000);
    expect(alerts.map(({ count }) => count)).toEqual([1, 1]);
    await adapter.flush();
  });

  test('a target that hangs is a failure after its time; a retry meanwhile waits for the same notification', async () => {
    let sends = 0;
    const { clock, adapter } = alerting({ notifyTimeoutMs: 1_000, notify: () => (sends++, never()) });
    const event = failure();
    const outcomes = [adapter.logEvent(event), adapter.logEvent({ ...event })].map((one) => one.catch((error: MeshError) => [error.reason, error.retryable]));
    await clock.advance(1_000);
    expect(await Promise.all(outcomes)).toEqual([['adapter_failed', true], ['adapter_failed', true]]);
    expect(sends).toBe(1);
  });

  test('a refusal for good is the event\'s, and does not hold up others', async () => {
    const { alerts, adapter } = alerting({
      notify: (alert) => {
        if (alert.dedupKey.endsWith('/a')) throw new MeshError('adapter_failed', 'no such key', { retryable: false });
        alerts.push(alert);
      },
    });
    await expect(adapter.logEvent(failure('a'))).rejects.toMatchObject({ retryable: false, message: expect.stringContaining('no such key') });
    await adapter.logEvent(failure('b'));
    expect(alerts).toHaveLength(1);
    expect(adapter.stats).toEqual({ met: 2, told: 1, heldBack: 0, waiting: 0, refused: 1 });
  });

  test.each(['sink_unauthenticated', 'sink_not_found'] as const)('%s is no fault of an alert: it waits until the key, or the address, is mended', async (reason) => {
    let isWrong = true;
    const { clock, alerts, adapter } = alerting({
      notify: (alert) => {
        if (isWrong) throw new MeshError(reason, 'not that one', { retryable: false });
        alerts.push(alert);
      },
    });
    await expect(adapter.logEvent(failure('a'))).rejects.toMatchObject({ reason, retryable: false });
    expect(adapter.stats).toMatchObject({ waiting: 1, refused: 0 });
    isWrong = false;
    await clock.advance(10_000);
    expect(alerts).toHaveLength(1);
    expect(adapter.stats).toEqual({ met: 1, told: 1, heldBack: 0, waiting: 0, refused: 0 });
  });

  test('for long keeps a bounded number of alerts; those beyond are one, later, with all counts', async () => {
    let down = true;
    const { clock, alerts, adapter } = alerting({
      maxPerMinute: 1_000,
      notify: (alert) => {
        if (down) throw new Error('down');
        alerts.push(alert);
      },
    });
    for (let index = 0; index < 150; index++) await adapter.logEvent(failure(`service-${index}`)).catch(() => undefined);
    expect(adapter.stats).toMatchObject({ met: 150, waiting: 150 });
    down = false;
    await clock.advance(30_000);
    expect(alerts.map(({ count }) => count)).toEqual([...Array<number>(100).fill(1), 50]);
    expect(alerts.at(-1)).toMatchObject({ rule: '_SEVERAL', heldBack: 50 });
  });

  test('close() says how many alerts are lost', async () => {
    const { adapter } = alerting({ notify: () => Promise.reject(new Error('down')) });
    await expect(adapter.logEvent(failure('a'))).rejects.toThrow();
    await expect(adapter.close()).rejects.toMatchObject({ reason: 'adapter_failed', message: expect.stringContaining('1 alert(s) were not sent: adapter_failed: down') });
  });
});

describe('who is notified', () => {
  test('an object with notify, called as its method', async () => {
    class Pager {
      readonly got: Alert[] = [];
      notify(alert: Alert): Promise<void> {
        this.got.push(alert);
        return Promise.resolve();
      }
    }
    const pager = new Pager();
    const { adapter } = alerting({ notify: pager });
    await adapter.logEvent(failure());
    expect(pager.got).toHaveLength(1);
  });

  test('an adapter: it gets the event, with an id of the alert\'s own, and the life cycle', async () => {
    const inner = new FullAdapter();
    const { adapter, clock } = alerting({ notify: inner, rules: [failures, { ...failures, name: 'again' }] });
    await adapter.start({ clock, logger: silentLogger } as never);
    const event = eventOf(9, 'connection', { metadata: { method: 'charge' } });
    await adapter.logEvent(event);
    await adapter.flush();
    await adapter.close();
    expect(inner.events).toMatchObject([
      { sequence: 9, eventType: 'connection', details: { action: 'auth.failed', metadata: { method: 'charge', alert: { rule: 'auth', severity: 'warning', count: 1, eventId: event.id } } } },
      { details: { metadata: { alert: { rule: 'again' } } } },
    ]);
    expect(new Set([event.id, ...inner.events.map(({ id }) => id)]).size).toBe(3);
    expect(inner.calls).toEqual(['start', 'flush', 'close']);
  });

  test('in a lane, events that no rule is about are filtered before they are queued', async () => {
    const { clock, alerts, adapter } = alerting();
    const audit = new AuditLogger({ adapters: [adapter], clock, logger: silentLogger });
    for (let index = 0; index < 20; index++) audit.record(message());
    audit.record(security());
    await audit.close();
    expect(alerts).toHaveLength(1);
    expect(adapter.stats.met).toBe(1);
    expect(audit.stats().adapters[0]).toMatchObject({ emitted: 21, filtered: 20, delivered: 1 });
  });
});

test('under any stream of events and failures: met = told + heldBack + waiting + refused, no id twice, rate and windows kept, nothing untold at the end', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ target: fc.constantFrom('a', 'b', 'c', 'd', 'e'), times: fc.integer({ min: 1, max: 6 }) }) },
    { weight: 3, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 40_000 }) }) },
  );
  const answers = fc.array(fc.constantFrom('take', 'take', 'take', 'fail', 'late', 'hang'), { minLength: 1, maxLength: 8 });
  const options = fc.record({ dedupMs: fc.constantFrom(0, 10_000, 90_000), maxPerMinute: fc.integer({ min: 1, max: 4 }), maxKeys: fc.integer({ min: 1, max: 6 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), answers, options, async (steps, script, bounds) => {
      const clock = new FakeClock();
      const sent: { alert: Alert; at: number }[] = [];
      let next = 0;
      let up = false;
      const adapter = new AlertRulesAdapter({
        rules: [failures, { name: 'never b', when: ({ targetServiceId }) => targetServiceId !== 'b' }],
        ...bounds,
        clock,
        logger: silentLogger,
        notifyTimeoutMs: 500,
        notify: async (alert) => {
          const answer = up ? 'take' : script[next++ % script.length];
          if (answer === 'fail') throw new Error('down');
          if (answer === 'hang') return never();
          if (answer === 'late') await new Promise<void>((resolve) => void clock.setTimeout(resolve, 100));
          sent.push({ alert, at: clock.monotonic() });
        },
      });
      // As a lane does: in order, one at a time, each tried again for a while.
      const audit = new AuditLogger({ adapters: [adapter], clock, logger: silentLogger, retryDelayMs: 100, attempts: 3, flushMs: 600_000 });
      const check = (): void => {
        const { met, told, heldBack, waiting, refused } = adapter.stats;
        expect(told + heldBack + waiting + refused).toBe(met);
      };
      for (const one of steps) {
        if ('advance' in one) await clock.advance(one.advance);
        else for (let index = 0; index < one.times; index++) audit.record({ ...security(), targetServiceId: one.target });
        check();
      }
      up = true;
      let closed = false;
      const closing = audit.close().then(() => (closed = true));
      while (!closed) {
        await clock.advance(1_000);
        check();
      }
      await closing;

      const { met, told } = adapter.stats;
      expect(told).toBe(met);
      const events = steps.reduce((sum, one) => sum + ('times' in one ? one.times * (one.target === 'b' ? 1 : 2) : 0), 0);
      expect(met).toBe(events);
      expect(sent.reduce((sum, { alert }) => sum + alert.count, 0)).toBe(met);
      expect(new Set(sent.map(({ alert }) => alert.id)).size).toBe(sent.length);
      for (const { alert } of sent) expect(Object.values(alert.rules).reduce((sum, count) => sum + count, 0)).toBe(alert.count);
    }),
    { numRuns: 60 },
  );
}, 60_000);

test('under any stream with a target that works, no minute has more alerts than the bound, no key more than one in its window', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ target: fc.constantFrom('a', 'b', 'c', 'd'), wait: fc.integer({ min: 0, max: 9_000 }) }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 5 }),
      async (stream, maxPerMinute) => {
        const clock = new FakeClock();
        const sent: { alert: Alert; at: number }[] = [];
        const adapter = new AlertRulesAdapter({ rules: [failures], dedupMs: 20_000, maxPerMinute, clock, notify: (alert) => void sent.push({ alert, at: clock.monotonic() }) });
        for (const { target, wait } of stream) {
          await clock.advance(wait);
          await adapter.logEvent(failure(target));
        }
        await clock.advance(600_000);
        for (const { at } of sent) expect(sent.filter((other) => other.at >= at && other.at < at + 60_000).length).toBeLessThanOrEqual(maxPerMinute);
        const at = new Map<string, number>();
        for (const { alert, at: now } of sent) {
          if (alert.heldBack === alert.count) continue;
          expect(now - (at.get(alert.dedupKey) ?? -Infinity)).toBeGreaterThanOrEqual(20_000);
          at.set(alert.dedupKey, now);
        }
        expect(sent.reduce((sum, { alert }) => sum + alert.count, 0)).toBe(stream.length);
        expect(adapter.stats).toEqual({ met: stream.length, told: stream.length, heldBack: 0, waiting: 0, refused: 0 });
        expect(clock.pendingTimers).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});

test('invalid options are reported all at once, by path', () => {
  const wrong = {
    rules: [
      { name: '_x', when: {} },
      { name: 'a', when: { eventType: 'nothing', action: [7], success: 'no', kind: 1 }, threshold: { count: 0 }, severity: 'loud', dedupKey: 'id' },
      { name: 'a', when: () => true },
      null,
    ],
    notify: {}, dedupMs: -1, maxPerMinute: 0, maxKeys: 1e9, notifyTimeoutMs: 0.5, dedup: 1,
  };
  let problems: unknown;
  try {
    new AlertRulesAdapter(wrong as never);
  } catch (error) {
    problems = ((error as MeshError).details as { problems: string[] }).problems.map((problem) => problem.slice(0, problem.indexOf(':')));
  }
  expect(problems).toEqual([
    'dedup', 'rules[0].name', 'rules[0].when', 'rules[1].when.kind', 'rules[1].when.eventType', 'rules[1].when.action', 'rules[1].when.success', 'rules[1].threshold.count',
    'rules[1].threshold.windowMs', 'rules[1].severity', 'rules[1].dedupKey', 'rules[2].name', 'rules[3]', 'notify', 'dedupMs', 'maxPerMinute', 'maxKeys', 'notifyTimeoutMs',
  ]);
  expect(() => new AlertRulesAdapter({ rules: [], notify: () => undefined })).toThrow(/rules: must be a list of 1 to 100 rules/);
});
