import { describe, expect, test } from '@jest/globals';
import type { MeshAuditEvent, MeshError } from '@lemur-bookstores/mesh-interface';
import { auditGap, auditStart, breakerClosed, breakerHalfOpen, breakerOpened, errorEvent, healthImpaired, healthRecovered, keyOverdue, keyRetired, keyRotated, messageSent, rateLimited, rotationFailed } from './support/events.js';
import { contextOf, type Figures } from './support/metrics.js';
import { paged } from './support/paged.js';

const BREAKER = 'mesh/production/orders/breakerOpen/payments';
const ERRORS = 'mesh/production/orders/errorBurst/payments';
const many = (count: number, make: (index: number) => MeshAuditEvent): MeshAuditEvent[] => Array.from({ length: count }, (_, index) => make(index));

describe('breakers', () => {
  test('an incident opened by a breaker is resolved by its closing', async () => {
    const { pagerDuty, log } = await paged();
    await log(breakerOpened());
    expect(pagerDuty.events.open).toEqual([BREAKER]);
    await log(breakerHalfOpen());
    expect(pagerDuty.events.open).toEqual([BREAKER]);
    await log(breakerClosed());
    expect(pagerDuty.events.open).toEqual([]);
    expect(pagerDuty.events.counts).toMatchObject({ triggers: 1, deduplicated: 0, resolves: 1, droppedResolves: 0, invalid: 0 });
  });

  test('it stays open while the breaker of any endpoint is open', async () => {
    const { pagerDuty, log } = await paged();
    await log(breakerOpened('payments', 'a:1'), breakerOpened('payments', 'b:1'), breakerOpened('billing', 'c:1'));
    await log(breakerClosed('payments', 'a:1'));
    expect(pagerDuty.events.open).toEqual([BREAKER, 'mesh/production/orders/breakerOpen/billing']);
    await log(breakerClosed('payments', 'b:1'));
    expect(pagerDuty.events.open).toEqual(['mesh/production/orders/breakerOpen/billing']);
  });

  test('an incident that is over before anything was told is told as both: it opens and resolves', async () => {
    const { pagerDuty, log } = await paged();
    await log(breakerOpened(), breakerClosed());
    expect(pagerDuty.events.history.map(({ action }) => action)).toEqual(['trigger', 'resolve']);
    expect(pagerDuty.events.alerts.get(BREAKER)).toMatchObject({ status: 'resolved', opened: 1, resolves: 1 });
  });

  test('a breaker whose instance is gone keeps nothing open: no event ever says so', async () => {
    const { adapter, clock, pagerDuty, log, advance } = await paged();
    const figures: Figures = { lanes: [], breakers: [{ service: 'payments', endpoint: 'a:1', state: 'open' }] };
    await adapter.start(contextOf(clock, figures));
    await log(breakerOpened('payments', 'a:1'));
    await advance(60_000);
    expect(pagerDuty.events.open).toEqual([BREAKER]);
    figures.breakers = [];
    await advance(30_000);
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('one that the metrics have never shown stays until it closes', async () => {
    const { adapter, clock, pagerDuty, log, advance } = await paged();
    await adapter.start(contextOf(clock, { lanes: [], breakers: [] }));
    await log(breakerOpened('payments', '*'));
    await advance(120_000);
    expect(pagerDuty.events.open).toEqual([BREAKER]);
  });
});

describe('instances that go', () => {
  test('one that came and went between two looks at the metrics keeps nothing open', async () => {
    const { adapter, clock, pagerDuty, log, advance } = await paged();
    await adapter.start(contextOf(clock, { lanes: [], breakers: [] }));
    await log(breakerOpened('payments', '10.0.0.9:50051'));
    await advance(30_000);
    expect(pagerDuty.events.open).toEqual([BREAKER]);
    await advance(30_000);
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('a breaker whose closing was lost on the way keeps nothing open', async () => {
    const { adapter, clock, pagerDuty, log, advance } = await paged();
    const figures: Figures = { lanes: [], breakers: [{ service: 'payments', endpoint: 'a:1', state: 'half-open' }] };
    await adapter.start(contextOf(clock, figures));
    await log(breakerOpened('payments', 'a:1'));
    await advance(30_000);
    expect(pagerDuty.events.open).toEqual([BREAKER]);
    figures.breakers = [{ service: 'payments', endpoint: 'a:1', state: 'closed' }];
    await advance(30_000);
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('metrics that cannot be read keep no incident from being told', async () => {
    const { adapter, clock, pagerDuty, lines } = await paged();
    await adapter.start({ ...contextOf(clock, { lanes: [], breakers: [] }), metrics: () => { throw new Error('not yet'); } });
    pagerDuty.faults.failNext('429-retry-after', { retryAfter: 1 });
    await adapter.logEvents([breakerOpened()]);
    await clock.advance(1_000);
    await adapter.flush();
    expect(pagerDuty.events.open).toEqual([BREAKER]);
    expect(lines.map(({ message }) => message)).toContain('the metrics of the mesh cannot be read for incidents');
  });
});

describe('errors', () => {
  test('10,000 error events are one incident, which has their number', async () => {
    const { pagerDuty, log, advance } = await paged();
    for (let batch = 0; batch < 20; batch++) await log(...many(500, () => errorEvent()));
    expect(pagerDuty.events.counts).toMatchObject({ triggers: 1, deduplicated: 0 });
    await log(errorEvent());
    await advance(299_999);
    expect(pagerDuty.events.counts.triggers).toBe(1);
    expect([...pagerDuty.events.alerts.keys()]).toEqual([ERRORS]);
  });

  test('while its cause repeats it is told again every five minutes, with the sum', async () => {
    const { pagerDuty, log, advance } = await paged();
    for (let minute = 0; minute < 11; minute++) {
      await log(...many(10, () => errorEvent()));
      await advance(60_000);
    }
    const alert = pagerDuty.events.alerts.get(ERRORS);
    expect(alert).toMatchObject({ status: 'open', opened: 1, triggers: 3, payload: { custom_details: { count: 100 } } });
  });

  test('fewer than five in a minute are none; five are one, which resolves when none came for five minutes', async () => {
    const { pagerDuty, log, advance } = await paged();
    const at = (second: number): MeshAuditEvent => errorEvent({ timestamp: new Date(Date.UTC(2026, 0, 1, 0, 0, second)) });
    await log(at(0), at(1), at(2), at(3), at(61), at(62));
    expect(pagerDuty.requests).toBe(0);
    await log(at(62), at(62));
    expect(pagerDuty.events.open).toEqual([ERRORS]);
    expect(pagerDuty.events.alerts.get(ERRORS)?.payload.custom_details).toMatchObject({ count: 5 });
    await advance(299_999);
    expect(pagerDuty.events.open).toEqual([ERRORS]);
    await advance(1);
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('an event that stands for several counts as several', async () => {
    const { pagerDuty, log } = await paged();
    await log(errorEvent({}, 4));
    expect(pagerDuty.requests).toBe(0);
    await log(errorEvent({}, 900));
    expect(pagerDuty.events.alerts.get(ERRORS)?.payload.custom_details).toMatchObject({ count: 904 });
  });
});

describe('the other rules', () => {
  test('rate limiting is an incident for each peer, and ends when none is refused any more', async () => {
    const { pagerDuty, log, advance } = await paged();
    await log(rateLimited('billing', 912), rateLimited('reports'));
    expect(pagerDuty.events.open).toEqual(['mesh/production/orders/rateLimited/billing', 'mesh/production/orders/rateLimited/reports']);
    expect(pagerDuty.events.alerts.get('mesh/production/orders/rateLimited/billing')?.payload).toMatchObject({ severity: 'warning', summary: expect.stringContaining('orders refused 912 calls of billing') });
    await advance(200_000);
    await log(rateLimited('billing'));
    await advance(100_000);
    expect(pagerDuty.events.open).toEqual(['mesh/production/orders/rateLimited/billing']);
    await advance(200_000);
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('a rotation that failed, or did not come, is an incident until that key is rotated', async () => {
    const { pagerDuty, log } = await paged();
    await log(rotationFailed('static'), rotationFailed('session', 'payments'), keyOverdue('certificate'), keyOverdue('static'));
    const severities = [...pagerDuty.events.alerts.values()].map(({ dedupKey, payload }) => [dedupKey.split('/').slice(3).join('/'), payload.severity]).sort();
    expect(severities).toEqual([['rotationFailed/session:payments', 'warning'], ['rotationFailed/static', 'warning'], ['rotationOverdue/certificate', 'critical'], ['rotationOverdue/static', 'warning']]);
    await log(keyRotated('static'));
    expect(pagerDuty.events.open.map((key) => key.split('/').slice(3).join('/')).sort()).toEqual(['rotationFailed/session:payments', 'rotationOverdue/certificate']);
    await log(keyRotated('session', 'payments'), keyRotated('certificate'));
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('a session whose keys could not be changed: over when that key is retired, since another session took its place', async () => {
    const { pagerDuty, log } = await paged();
    const key = 'mesh/production/orders/rotationFailed/session:payments';
    await log(rotationFailed('session', 'payments'));
    await log(keyRetired('session', 'payments', 'that of another session'), keyRotated('session', 'billing'));
    expect(pagerDuty.events.open).toEqual([key]);
    await log(keyRetired('session', 'payments'));
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('sessions whose keys change, and end, as they should make no call', async () => {
    const { pagerDuty, log } = await paged();
    await log(...many(200, (index) => keyRotated('session', `peer-${index}`)), ...many(200, (index) => keyRetired('session', `peer-${index}`)), keyRetired('static'), keyRetired('certificate'));
    expect(pagerDuty.requests).toBe(0);
  });

  test('what lasts is open again within five minutes if another instance has resolved it', async () => {
    const first = await paged();
    const second = await paged({}, first.pagerDuty);
    const open = ['mesh/production/orders/rotationOverdue/certificate', 'mesh/production/orders/health'];
    await first.log(keyOverdue('certificate'), healthImpaired('unhealthy'));
    await second.log(keyRotated('certificate'), healthRecovered());
    expect(first.pagerDuty.events.open).toEqual([]);
    await first.advance(299_999);
    expect(first.pagerDuty.events.open).toEqual([]);
    await first.advance(1);
    expect(first.pagerDuty.events.open).toEqual(open);
    await first.log(keyRotated('certificate'), healthRecovered());
    await first.advance(900_000);
    expect(first.pagerDuty.events.open).toEqual([]);
    expect(first.clock.pendingTimers).toBe(0);
  });

  test('a gap in the own trail is an incident of audit loss', async () => {
    const { pagerDuty, log, advance } = await paged();
    await log(auditGap());
    expect(pagerDuty.events.alerts.get('mesh/production/orders/auditLoss/pagerduty')?.payload.severity).toBe('critical');
    await advance(900_000);
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('what another adapter loses is found within 30 s, and at flush(); what the own lane loses is not said twice', async () => {
    const { adapter, clock, pagerDuty, advance } = await paged();
    const figures: Figures = { lanes: [{ adapter: 'file', dropped: 3 }, { adapter: 'elasticsearch' }, { adapter: 'pagerduty', deadLettered: 5 }, { adapter: 'pagerduty#2', dropped: 5 }], breakers: [] };
    await adapter.start(contextOf(clock, figures));
    await advance(29_999);
    expect(pagerDuty.requests).toBe(0);
    await advance(1);
    expect(pagerDuty.events.open).toEqual(['mesh/production/orders/auditLoss/file']);
    expect(pagerDuty.events.alerts.get('mesh/production/orders/auditLoss/file')?.payload.custom_details).toMatchObject({ count: 3 });
    figures.lanes[1] = { adapter: 'elasticsearch', deadLettered: 2 };
    await adapter.flush();
    expect(pagerDuty.events.open).toContain('mesh/production/orders/auditLoss/elasticsearch');
    await advance(900_000);
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('the overall health is one incident, told again at once when it becomes worse; single checks are none', async () => {
    const { pagerDuty, log } = await paged();
    const key = 'mesh/production/orders/health';
    await log(healthImpaired('unhealthy', 'database'));
    expect(pagerDuty.requests).toBe(0);
    await log(healthImpaired('degraded'));
    expect(pagerDuty.events.alerts.get(key)?.payload).toMatchObject({ severity: 'warning', summary: 'orders is degraded: database, queue' });
    await log(healthImpaired('unhealthy'));
    expect(pagerDuty.events.alerts.get(key)).toMatchObject({ triggers: 2, opened: 1, payload: { severity: 'critical' } });
    await log(healthRecovered('database'));
    expect(pagerDuty.events.open).toEqual([key]);
    await log(healthRecovered());
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('a rule that is off, or has another severity, count or time', async () => {
    const { pagerDuty, adapter, log, advance } = await paged({ rules: { breakerOpen: false, rateLimited: { severity: 'info', count: 10, calmMs: 5_000 } } });
    expect(adapter.accepts(breakerOpened())).toBe(false);
    await log(breakerOpened(), rateLimited('billing', 9));
    expect(pagerDuty.requests).toBe(0);
    await log(rateLimited('billing', 1));
    expect(pagerDuty.events.alerts.get('mesh/production/orders/rateLimited/billing')?.payload.severity).toBe('info');
    await advance(5_000);
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('it accepts what a rule or a change event is about, and nothing else', async () => {
    const { adapter } = await paged();
    const about = [errorEvent(), breakerOpened(), breakerClosed(), rateLimited(), rotationFailed('static'), keyOverdue('static'), keyRotated('session', 'payments'), keyRetired('session', 'payments'), auditGap(), healthImpaired('degraded'), healthRecovered(), auditStart()];
    expect(about.filter((event) => !adapter.accepts(event))).toEqual([]);
    const others = [messageSent(), keyRetired('static'), breakerHalfOpen(), healthImpaired('unhealthy', 'database'), { ...breakerOpened(), eventType: 'message' as const }];
    expect(others.filter((event) => adapter.accepts(event))).toEqual([]);
  });
});

describe('change events', () => {
  test('a rotation of the static key or the certificate is one; of session keys none', async () => {
    const { pagerDuty, log } = await paged();
    await log(keyRotated('session', 'payments'), keyRotated('static'), keyRotated('certificate'));
    expect(pagerDuty.events.changes.map(({ summary }) => summary)).toEqual(['Static key of orders rotated', 'Certificate of orders rotated']);
  });

  test('a key that begins with R takes none: that is said once', async () => {
    const { pagerDuty, log, lines } = await paged({ integrationKey: 'R0ffee00c0ffee00c0ffee00c0ffee00', rules: { rotationFailed: false, rotationOverdue: false } });
    await log(keyRotated('static'));
    await log(keyRotated('certificate'));
    expect(pagerDuty.requests).toBe(0);
    expect(lines.filter(({ message }) => message.includes('begins with R'))).toHaveLength(1);
  });
});

describe('keys', () => {
  test('environment and instance are part of them', async () => {
    const { pagerDuty, log } = await paged({ environment: 'staging', instance: 'pod-7' });
    await log(breakerOpened());
    expect(pagerDuty.events.open).toEqual(['mesh/staging/orders/breakerOpen/payments/pod-7']);
  });

  test('instances of a service share an incident; one that another has resolved comes back while its cause repeats', async () => {
    const first = await paged();
    const second = await paged({}, first.pagerDuty);
    await first.log(breakerOpened());
    await second.log(breakerOpened());
    expect(first.pagerDuty.events.open).toEqual([BREAKER]);
    await second.log(breakerClosed());
    expect(first.pagerDuty.events.open).toEqual([]);
    await first.advance(240_000);
    await first.log(breakerOpened());
    await first.advance(60_000);
    expect(first.pagerDuty.events.open).toEqual([BREAKER]);
  });

  test('1,000 incidents have keys of their own; those beyond share one for each rule', async () => {
    const { pagerDuty, adapter, advance } = await paged();
    const deliver = adapter.logEvents(many(1_500, (index) => breakerOpened(`service-${index}`)), { signal: new AbortController().signal });
    await deliver;
    for (let minute = 0; minute < 9; minute++) await advance(61_000);
    expect(pagerDuty.events.open).toHaveLength(1_001);
    const other = pagerDuty.events.alerts.get('mesh/production/orders/breakerOpen/_OTHER');
    expect(other?.payload.custom_details).toMatchObject({ count: 500 });
    await advance(900_000);
    expect(pagerDuty.events.open).toHaveLength(1_000);
  });
});

describe('flapping', () => {
  test('the first end resolves at once; the same trouble again is held open for a minute, then two, up to fifteen', async () => {
    const { pagerDuty, log, advance } = await paged();
    const cycle = async (holdMs: number): Promise<void> => {
      await log(breakerOpened());
      expect(pagerDuty.events.open).toEqual([BREAKER]);
      await log(breakerClosed());
      if (holdMs > 0) {
        await advance(holdMs - 1);
        expect(pagerDuty.events.open).toEqual([BREAKER]);
        await advance(1);
      }
      expect(pagerDuty.events.open).toEqual([]);
      await advance(1_000);
    };
    for (const minutes of [0, 1, 2, 4, 8, 15, 15]) await cycle(minutes * 60_000);
    await advance(300_000);
    await cycle(0);
  });

  test('what comes back while it is held open makes no call', async () => {
    const { pagerDuty, log, advance } = await paged();
    await log(breakerOpened(), breakerClosed());
    await log(breakerOpened());
    const before = pagerDuty.requests;
    for (let flap = 0; flap < 5; flap++) {
      await log(breakerClosed());
      await advance(30_000);
      await log(breakerOpened());
    }
    expect(pagerDuty.requests).toBe(before);
    await log(breakerClosed());
    await advance(60_000);
    expect(pagerDuty.events.open).toEqual([]);
    expect(pagerDuty.events.alerts.get(BREAKER)).toMatchObject({ opened: 2 });
  });
});

describe('after a restart', () => {
  test('what ends an incident that this process never opened resolves that of the one before, once', async () => {
    const before = await paged();
    await before.log(breakerOpened(), rotationFailed('static'), healthImpaired('unhealthy'));
    const after = await paged({}, before.pagerDuty);
    await after.log(breakerClosed(), keyRotated('static'), healthRecovered());
    expect(before.pagerDuty.events.open).toEqual([]);
    const resolves = before.pagerDuty.events.counts.resolves;
    await after.log(breakerClosed(), keyRotated('static'), healthRecovered());
    expect(before.pagerDuty.events.counts.resolves).toBe(resolves);
    await after.log(breakerOpened());
    expect(before.pagerDuty.events.open).toEqual([BREAKER]);
  });

  test('what a spill brings of a process before ends where this one begins, but for what ends by time', async () => {
    const { pagerDuty, log, advance } = await paged();
    await log(healthImpaired('unhealthy'), keyOverdue('certificate'), rotationFailed('session', 'payments'), breakerOpened('payments', '*'), ...many(5, () => errorEvent()));
    await log(auditStart({ serviceId: 'another' }));
    expect(pagerDuty.events.open).toHaveLength(5);
    await log(auditStart());
    expect(pagerDuty.events.open).toEqual([ERRORS]);
    await log(keyOverdue('certificate'));
    expect(pagerDuty.events.open).toEqual(['mesh/production/orders/rotationOverdue/certificate', ERRORS]);
    await advance(300_000);
    expect(pagerDuty.events.open).toEqual(['mesh/production/orders/rotationOverdue/certificate']);
  });
});

describe('PagerDuty\'s limit', () => {
  test('200 incidents in a minute: 120 are told at once, the rest in the next minute, none is lost', async () => {
    const { pagerDuty, log, advance } = await paged();
    await log(...many(200, (index) => breakerOpened(`service-${index}`)));
    expect(pagerDuty.events.open).toHaveLength(120);
    await advance(59_999);
    expect(pagerDuty.events.open).toHaveLength(120);
    await advance(1);
    expect(pagerDuty.events.open).toHaveLength(200);
    expect(pagerDuty.events.counts).toMatchObject({ triggers: 200, throttled: 0 });
    expect(pagerDuty.events.mostCallsInWindow).toBe(120);
  });

  test('what is worst is told first, then what is over, then what adds to others, then changes', async () => {
    const { pagerDuty, log, advance } = await paged();
    await log(...many(116, (index) => breakerOpened(`service-${index}`)), rateLimited('old'), rateLimited('older'), healthImpaired('degraded'));
    expect(pagerDuty.requests).toBe(119);
    await log(keyRotated('certificate'));
    // The budget is used up by now: one resolve of a process before. What follows waits.
    await log(healthImpaired('unhealthy'), breakerClosed('service-3'), rateLimited('billing'), ...many(5, () => errorEvent()), auditGap());
    const told = pagerDuty.events.history.length;
    expect(told).toBe(120);
    await advance(60_000);
    const order = pagerDuty.events.history.slice(told).map(({ action, dedupKey }) => `${action} ${dedupKey?.split('/').slice(3).join('/') ?? ''}`.trim());
    const triggers = order.slice(0, 3);
    expect(triggers).toEqual(['trigger auditLoss/pagerduty', 'trigger errorBurst/payments', 'trigger rateLimited/billing']);
    expect(order.indexOf('trigger health')).toBeGreaterThan(order.indexOf('resolve breakerOpen/service-3'));
    expect(order.at(-1)).toBe('change');
  });
});

describe('alerts', () => {
  const alert = (more: object = {}) => ({ id: 'a1', rule: 'many-denied', severity: 'error' as const, dedupKey: 'orders/many-denied/billing', summary: 'many-denied in orders → billing, 12 times', serviceId: 'orders', count: 12, heldBack: 0, event: errorEvent(), ...more });

  test('notify() opens the incident of an alert, by its own key; it ends when no further one came for 15 minutes', async () => {
    const { adapter, pagerDuty, advance } = await paged();
    await adapter.notify(alert());
    await adapter.notify(alert());
    expect(pagerDuty.events.open).toEqual(['orders/many-denied/billing']);
    expect(pagerDuty.events.alerts.get('orders/many-denied/billing')).toMatchObject({ triggers: 1, payload: { severity: 'error', summary: 'many-denied in orders → billing, 12 times', custom_details: { count: 12, target: 'many-denied' } } });
    await advance(600_000);
    await adapter.notify(alert({ id: 'a2' }));
    expect(pagerDuty.events.alerts.get('orders/many-denied/billing')?.payload.custom_details).toMatchObject({ count: 24 });
    await advance(899_999);
    expect(pagerDuty.events.open).toHaveLength(1);
    await advance(1);
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('it rejects where PagerDuty is not there, and what is no alert', async () => {
    const { adapter, pagerDuty, advance } = await paged();
    pagerDuty.faults.failNext('429-retry-after', { retryAfter: 20 });
    await expect(adapter.notify(alert())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true, retryAfterMs: 20_000 });
    await advance(20_000);
    await adapter.notify(alert());
    expect(pagerDuty.events.alerts.get('orders/many-denied/billing')?.payload.custom_details).toMatchObject({ count: 12 });
    for (const wrong of [undefined, {}, alert({ severity: 'fatal' }), alert({ dedupKey: 'x'.repeat(256) })]) {
      await expect(adapter.notify(wrong as never)).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false } satisfies Partial<MeshError>);
    }
  });
});
