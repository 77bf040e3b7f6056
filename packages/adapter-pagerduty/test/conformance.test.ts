import { describe, it } from '@jest/globals';
import { describeAdapter } from '@lemur-bookstores/adapter-testkit';
import { AlertingAdapter } from '../src/alerting-adapter.js';
import { CONTRACT_KEY, pagerDutyServer } from './support/pager-duty.js';

const FAULTS = { retryable: '503', permanent: '400', throttled: '429-retry-after', partial: '503' } as const;

// It holds incidents and no events. What is left out: `throttled`, for the kit delivers again at once, and the adapter makes no call before the time that PagerDuty has
// asked for (alerting-adapter.test.ts).
describeAdapter({
  name: 'AlertingAdapter',
  runner: { describe, it },
  supports: { events: false, batches: true, filters: true, hanging: true, failures: ['retryable', 'permanent'] },
  create: async () => {
    const server = await pagerDutyServer();
    return {
      // Each event that it accepts is to make a call.
      construct: () => new AlertingAdapter({ integrationKey: CONTRACT_KEY, url: server.url, rules: { errorBurst: { count: 1 } } }),
      received: () => [],
      fail: ({ kind }) => server.faults.failNext(FAULTS[kind], { count: Infinity }),
      hang: () => server.faults.failNext('hang', { count: Infinity }),
      release: () => {
        server.faults.clear();
        server.release();
      },
      secrets: [CONTRACT_KEY],
      dispose: () => server.stop(),
    };
  },
});
