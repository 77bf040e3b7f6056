import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RAW_CONTROLS, INJECTIONS } from './support/injections.js';
import { eventJson } from '../src/event-json.js';
import { isoTime } from '../src/iso-time.js';
import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { allOf, eventOf, fileAdapter, temporaryDirectory } from './support/support.js';

/** As it comes back from JSON. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('the JSON of an event', () => {
  test('is what JSON.stringify gives, where nothing is unsafe', () => {
    for (const event of [eventOf(), eventOf({ targetServiceId: 'payments', trace: { traceId: '0'.repeat(32), spanId: '1'.repeat(16) } }), eventOf({ details: { action: 'x', success: true, duration: 0.5 } })]) {
      expect(eventJson(event)).toBe(JSON.stringify(event));
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
        const json = eventJson(event as MeshAuditEvent);
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
    const event = eventOf(more);
    expect(eventJson(event)).toBe(JSON.stringify(event));
  });

  test.each([
    ['a bigint', { details: { action: 'x', success: true, metadata: { big: 1n } } }],
    ['a cycle', (() => { const metadata: Record<string, unknown> = {}; metadata['self'] = metadata; return { details: { action: 'x', success: true, metadata } }; })()],
    ['a getter that throws', { get details(): never { throw new Error('no'); } }],
    ["a record's own name", { n: 1 } as object],
    ['another', { log: 'closed' } as object],
  ])('cannot be made of %s: permanent', (_what, more) => {
    const event = Object.defineProperties({ ...eventOf() }, Object.getOwnPropertyDescriptors(more));
    expect(() => eventJson(event)).toThrow(expect.objectContaining({ reason: 'log_record_invalid', retryable: false }));
  });
});

test('a time reads as toISOString has it', () => {
  fc.assert(fc.property(fc.date({ noInvalidDate: true }), (date) => expect(isoTime(date.getTime())).toBe(date.toISOString())), { numRuns: 300 });
  for (const time of [0, 1, 999, 1000, 253_402_300_799_999, 253_402_300_800_000, -1, -62_198_755_200_001, 1_767_225_600_010, 1_767_225_600_009]) expect(isoTime(time)).toBe(new Date(time).toISOString());
});

test('whatever a text holds, an event is one line of the log and comes back as it was', async () => {
  const adapter = fileAdapter(temporaryDirectory());
  const events = INJECTIONS.map((text) => eventOf({ targetServiceId: text.slice(0, 100), details: { action: text, success: false, error: text, metadata: { [text.slice(0, 1000)]: [text] } } }));
  await adapter.logEvents(events, { signal: new AbortController().signal });
  // Halves of surrogate pairs have no place in UTF-8, and JSON escapes them.
  expect(await allOf(adapter.query())).toEqual(events);
});
