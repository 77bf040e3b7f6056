import { expect, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@lemur-bookstores/mesh-interface';
import { AuditLogger } from '../src/audit-logger.js';
import { never } from './support.js';

// `--expose-gc` is among the flags that tools/workspace/jest.mjs gives.
const collect = (globalThis as { gc?: () => void }).gc;

test('a sink that hangs costs no more memory than its lane may hold, however much is recorded', async () => {
  const laneBytes = 8 * 1_048_576;
  const clock = new FakeClock();
  const audit = new AuditLogger({ adapters: [{ logEvent: never }], clock, logger: silentLogger, laneEvents: 1_000_000, laneBytes });
  const fill = (count: number): void => {
    for (let index = 0; index < count; index++) {
      const metadata = index % 2 === 0 ? undefined : { method: `charge${index}`, list: [index, { inner: index }], text: `${index}`.padStart(100, 'x') };
      audit.record({ eventType: 'message', targetServiceId: `s${index}`, details: { action: 'message.sent', success: true, ...(metadata === undefined ? {} : { metadata }) } });
    }
  };
  expect(collect).toBeDefined();
  collect!();
  const before = process.memoryUsage().heapUsed;
  fill(60_000);
  collect!();
  const grown = process.memoryUsage().heapUsed - before;
  const [lane] = audit.stats().adapters;
  expect(lane!.dropped).toBeGreaterThan(30_000);
  // Within the bound, and the bound is not far from the truth either. A little is the test's own.
  expect(grown).toBeLessThan(1.15 * laneBytes);
  expect(grown).toBeGreaterThan(0.3 * laneBytes);
  const closing = audit.close();
  await clock.advance(30_000);
  await closing;
});
