import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { auditEventJson } from '../src/audit-event-json.js';
import { isoTime } from '../src/iso-time.js';
import { auditEvent } from './support/logs.js';

/** Anything that a terminal, a pager or an editor would act on. */
const RAW_CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** As it comes back from JSON. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('the JSON of an event', () => {
  test('is what JSON.stringify gives, where nothing is unsafe', () => {
    for (const event of [auditEvent(), auditEvent({ targetServiceId: 'payments', trace: { traceId: '0'.repeat(32), spanId: '1'.repeat(16) } }), auditEvent({ details: { action: 'x', success: true, duration: 0.5 } })]) {
      expect(auditEventJson(event)).toBe(JSON.stringify(event));
    }
  });

  test('is one line of printable characters and gives back every text', () => {
    const text = fc.string({ unit: 'binary' });
    const events = fc.record(
      {
        id: text, sequence: fc.integer(), timestamp: fc.date(), eventType: fc.constantFrom('system' as const, 'message' as const), serviceId: text, targetServiceId: text,
        details: fc.record({ action: text, success: fc.boolean(), error: text, metadata: fc.dictionary(text, fc.jsonValue()) }),
      },
      { requiredKeys: ['id', 'sequence', 'timestamp', 'eventType', 'serviceId', 'details'] },
    );
    fc.assert(
      fc.property(events, (event) => {
        const json = auditEventJson(event as MeshAuditEvent);
        expect(json).not.toMatch(RAW_CONTROLS);
        expect(JSON.parse(json)).toEqual(plain(event));
        expect(Object.keys(JSON.parse(json) as object)).toEqual(Object.keys(plain(event) as object));
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['a date that is none', { timestamp: new Date(Number.NaN) }],
    ['a text for a date', { timestamp: 'then' as unknown as Date }],
    ['members that JSON leaves out', { targetServiceId: undefined as unknown as string }],
    ['members of somebody else', { more: [1, null, { a: 'b' }] } as object],
  ])('keeps %s as JSON.stringify does', (_what, more) => {
    const event = auditEvent(more);
    expect(auditEventJson(event)).toBe(JSON.stringify(event));
  });

  test.each([
    ['a bigint', { details: { action: 'x', success: true, metadata: { big: 1n } } }],
    ['a cycle', (() => { const metadata: Record<string, unknown> = {}; metadata['self'] = metadata; return { details: { action: 'x', success: true, metadata } }; })()],
    ['a getter that throws', { get details(): never { throw new Error('no'); } }],
    ["a record's own name", { n: 1 } as object],
    ['another', { log: 'closed' } as object],
  ])('cannot be made of %s: permanent', (_what, more) => {
    const event = Object.defineProperties({ ...auditEvent() }, Object.getOwnPropertyDescriptors(more));
    expect(() => auditEventJson(event)).toThrow(expect.objectContaining({ reason: 'log_record_invalid', retryable: false }));
  });
});

test('a time reads as toISOString has it', () => {
  fc.assert(fc.property(fc.date({ noInvalidDate: true }), (date) => expect(isoTime(date.getTime())).toBe(date.toISOString())), { numRuns: 300 });
  for (const time of [0, 1, 999, 1000, 253_402_300_799_999, 253_402_300_800_000, -1, -62_198_755_200_001, 1_767_225_600_010, 1_767_225_600_009]) expect(isoTime(time)).toBe(new Date(time).toISOString());
});
