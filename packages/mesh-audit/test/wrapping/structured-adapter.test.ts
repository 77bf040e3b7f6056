import { expect, test } from '@jest/globals';
import { FakeClock, MeshError, silentLogger } from '@lemur-bookstores/mesh-interface';
import { AuditLogger } from '../../src/audit-logger.js';
import { FilterAdapter } from '../../src/wrapping/filter-adapter.js';
import { StructuredAdapter } from '../../src/wrapping/structured-adapter.js';
import type { StructuredRecord } from '../../src/wrapping/structured-record.js';
import { message, security } from '../support.js';
import { eventOf } from './support.js';

test('the default form: what the guide shows, and what tells duplicates, gaps and calls', async () => {
  const records: StructuredRecord[] = [];
  const adapter = new StructuredAdapter((record) => void records.push(record));
  await adapter.logEvent(eventOf(7, 'error', { action: 'session.failed', error: 'record_invalid: no', duration: 7, metadata: { a: 1 } }, { targetServiceId: 'pay', trace: { traceId: 't', spanId: 's' } }));
  await adapter.logEvent(eventOf(8));
  expect(records).toEqual([
    {
      '@timestamp': new Date(Date.UTC(2026, 0, 1)), level: 'ERROR', service: 'order-service', event_type: 'error',
      action: 'session.failed', success: false, error: 'record_invalid: no', duration: 7, metadata: { a: 1 },
      event_id: eventOf(7).id, sequence: 7, target_service: 'pay', trace_id: 't', span_id: 's',
    },
    { '@timestamp': new Date(Date.UTC(2026, 0, 1)), level: 'INFO', service: 'order-service', event_type: 'message', action: 'message.sent', success: true, event_id: eventOf(8).id, sequence: 8 },
  ]);
});

test('a form and a logger of the user\'s own, called as its method', async () => {
  class Logger {
    readonly lines: string[] = [];
    log(line: string): this {
      this.lines.push(line);
      return this;
    }
  }
  const logger = new Logger();
  const adapter = new StructuredAdapter(logger, ({ details }) => `did ${details.action}`);
  await adapter.logEvent(eventOf(1));
  expect(logger.lines).toEqual(['did message.sent']);
});

test('resolves when the target has the record', async () => {
  let taken = (): void => undefined;
  let logged = false;
  const adapter = new StructuredAdapter(() => new Promise<void>((resolve) => (taken = resolve)));
  const logging = adapter.logEvent(eventOf(1)).then(() => (logged = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(logged).toBe(false);
  taken();
  await logging;
});

test('in a lane: what the target throws is tried again, an event that the mapper fails on is a dead letter and holds up no other', async () => {
  const clock = new FakeClock();
  const records: number[] = [];
  let failures = 2;
  const structured = new StructuredAdapter<number>(
    (record) => {
      if (failures-- > 0) throw new Error('busy');
      records.push(record);
    },
    ({ sequence }) => {
      if (sequence === 2) throw new TypeError('cannot map');
      return sequence;
    },
  );
  const audit = new AuditLogger({ adapters: [new FilterAdapter(structured, ['connection'])], clock, logger: silentLogger });
  const mapped = audit.log(security());
  const unmapped = audit.log(security());
  audit.record(message());
  audit.record(security());
  const refusal = expect(unmapped).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false, cause: expect.any(TypeError) });
  await clock.advance(5_000);
  await Promise.all([mapped, refusal]);
  await audit.close();
  expect(records).toEqual([1, 4]);
  expect(audit.stats().adapters[0]).toMatchObject({ deadLettered: 1, failures: 3 });
});

test.each([
  ['nothing', () => undefined],
  ['null', () => null],
  ['a promise', () => Promise.reject(new Error('late'))],
])('a mapper that answers with %s fails for good', async (_what, map) => {
  const put: unknown[] = [];
  const adapter = new StructuredAdapter<unknown>((record) => put.push(record), map);
  await expect(adapter.logEvent(eventOf(1))).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false });
  expect(put).toEqual([]);
});

test('invalid arguments are reported all at once', () => {
  expect(() => new StructuredAdapter({} as never, 'none' as never)).toThrow(MeshError);
  expect(() => new StructuredAdapter({} as never, 'none' as never)).toThrow(/^invalid_option: target: must be a function or an object with a method log\(\); map: must be a function/);
});
