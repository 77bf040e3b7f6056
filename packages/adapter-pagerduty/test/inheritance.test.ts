import { expect, test } from '@jest/globals';
import type { AlertingAdapterOptions } from '../src/alerting-options.js';
import { auditStart, breakerOpened, healthImpaired, healthRecovered, keyOverdue, rotationFailed } from './support/events.js';
import { contextOf, type Figures } from './support/metrics.js';
import { paged, type Paged } from './support/paged.js';

const KEYS = ['breakerOpen/payments', 'health', 'rotationFailed/static', 'rotationOverdue/certificate', 'auditLoss/file'].map((key) => `mesh/production/orders/${key}/orders-1`);
const figures = (): Figures => ({ lanes: [{ adapter: 'file' }, { adapter: 'pagerduty' }], breakers: [{ service: 'payments', endpoint: 'a:1', state: 'closed' }, { service: 'payments', endpoint: 'b:1', state: 'closed' }] });

/** One that ended with all of these open, and the one in its place. */
async function replaced(options: Partial<AlertingAdapterOptions> = { instance: 'orders-1' }): Promise<Paged> {
  const before = await paged(options);
  const lost: Figures = { lanes: [{ adapter: 'file', dropped: 1 }], breakers: [] };
  await before.adapter.start(contextOf(before.clock, lost));
  await before.log(breakerOpened(), healthImpaired('unhealthy'), rotationFailed('static'), keyOverdue('certificate'));
  await before.adapter.flush();
  expect(before.pagerDuty.events.open).toHaveLength(5);
  await before.adapter.close();
  return paged(options, before.pagerDuty);
}

test('what the process before has left open is resolved once, five minutes after the start, what ends by time after that; what the process finds itself is not', async () => {
  const { adapter, clock, pagerDuty, log, advance } = await replaced();
  expect([...pagerDuty.events.open].sort()).toEqual([...KEYS].sort());
  await adapter.start(contextOf(clock, figures()));
  await log(auditStart(), healthImpaired('unhealthy'));
  await advance(299_999);
  expect(pagerDuty.events.open).toHaveLength(5);
  await advance(1);
  expect([...pagerDuty.events.open].sort()).toEqual([KEYS[4], KEYS[1]]);
  await advance(600_000);
  expect(pagerDuty.events.open).toEqual([KEYS[1]]);
  const { resolves } = pagerDuty.events.counts;
  await advance(900_000);
  expect(pagerDuty.events.counts.resolves).toBe(resolves);
  await log(healthRecovered());
  expect(pagerDuty.events.open).toEqual([]);
});

test('it stays while a breaker is not closed, or events wait that may say that it is still true', async () => {
  const { adapter, clock, pagerDuty, advance } = await replaced();
  const seen = figures();
  // What waits for another adapter says nothing about this one.
  seen.lanes = [{ adapter: 'file', queued: 5, spilled: 5 }, { adapter: 'pagerduty', spilled: 1 }];
  seen.breakers[1] = { service: 'payments', endpoint: 'b:1', state: 'half-open' };
  await adapter.start(contextOf(clock, seen));
  await advance(600_000);
  expect(pagerDuty.events.open).toHaveLength(5);
  seen.lanes[1] = { adapter: 'pagerduty', queued: 1 };
  await advance(30_000);
  expect(pagerDuty.events.open).toHaveLength(5);
  seen.lanes[1] = { adapter: 'pagerduty' };
  await advance(30_000);
  expect([...pagerDuty.events.open].sort()).toEqual([KEYS[4], KEYS[0]]);
  seen.breakers[1] = { service: 'payments', endpoint: 'b:1', state: 'closed' };
  await advance(30_000);
  expect(pagerDuty.events.open).toEqual([KEYS[4]]);
});

test('it stays where instances share their incidents: another may have that trouble still', async () => {
  const { adapter, clock, pagerDuty, advance } = await replaced({});
  await adapter.start(contextOf(clock, figures()));
  const { requests } = pagerDuty;
  await advance(1_800_000);
  expect(pagerDuty.events.open).toHaveLength(5);
  expect(pagerDuty.requests).toBe(requests);
});

test('a rule that is off ends nothing', async () => {
  const { adapter, clock, pagerDuty, advance } = await paged({ instance: 'orders-1', rules: { health: false, rotationFailed: false, auditLoss: false, breakerOpen: false } });
  await adapter.start(contextOf(clock, figures()));
  await advance(1_800_000);
  expect(pagerDuty.events.history.map(({ action, dedupKey }) => `${action} ${dedupKey}`).sort()).toEqual(['rotationOverdue/certificate', 'rotationOverdue/static'].map((key) => `resolve mesh/production/orders/${key}/orders-1`));
});
