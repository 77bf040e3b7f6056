import { describe, expect, test } from '@jest/globals';
import { breakerClosed, breakerHalfOpen, breakerOpened } from './support/events.js';
import { paged } from './support/paged.js';

const KEY = 'mesh/production/orders/breakerOpen/payments';

describe('breakers', () => {
  test('an incident opened by a breaker is resolved by its closing', async () => {
    const { pagerDuty, log } = await paged();
    await log(breakerOpened());
    expect(pagerDuty.events.open).toEqual([KEY]);
    await log(breakerHalfOpen());
    expect(pagerDuty.events.open).toEqual([KEY]);
    await log(breakerClosed());
    expect(pagerDuty.events.open).toEqual([]);
    expect(pagerDuty.events.counts).toMatchObject({ triggers: 1, deduplicated: 0, resolves: 1, droppedResolves: 0, invalid: 0 });
  });

  test('it stays open while the breaker of any endpoint is open', async () => {
    const { pagerDuty, log } = await paged();
    await log(breakerOpened('payments', 'a:1'), breakerOpened('payments', 'b:1'), breakerOpened('billing', 'c:1'));
    await log(breakerClosed('payments', 'a:1'));
    expect(pagerDuty.events.open).toEqual([KEY, 'mesh/production/orders/breakerOpen/billing']);
    await log(breakerClosed('payments', 'b:1'));
    expect(pagerDuty.events.open).toEqual(['mesh/production/orders/breakerOpen/billing']);
  });
});
