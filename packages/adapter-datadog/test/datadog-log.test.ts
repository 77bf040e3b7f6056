import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { AUDIT_EVENT_TYPES, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { datadogLog, encodeLog, type DatadogLog } from '../src/datadog-log.js';
import { eventOf } from './support/events.js';

const ORIGIN = { service: 'order-service', hostname: 'host-1', ddtags: 'env:production,team:payments' };
const AT = Date.UTC(2026, 10, 23, 10, 15, 30, 123);
const HOUR_MS = 3_600_000;
const trace = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };

/** One of each type of event, from docs/audit-events.md. */
const EVENTS: Readonly<Record<(typeof AUDIT_EVENT_TYPES)[number], Omit<MeshAuditEvent, 'id' | 'sequence' | 'timestamp' | 'eventType'>>> = {
  connection: { serviceId: 'payments', details: { action: 'auth.failed', success: false, messageCount: 1, error: "peer_untrusted: the peer's trust domain is evil.example, ours mesh.example", metadata: { direction: 'inbound', address: '203.0.113.9:41822', reason: 'peer_untrusted' } } },
  message: { serviceId: 'orders', targetServiceId: 'payments', trace, details: { action: 'message.sent', success: true, duration: 1.84, metadata: { direction: 'outbound', method: 'charge' } } },
  key_rotation: { serviceId: 'orders', targetServiceId: 'payments', details: { action: 'key.rotated', success: true, metadata: { keyType: 'session', algorithm: 'AES-256-GCM', keyId: '7d793037a0760186574b0282f2f435e7', previousKeyId: '5d41402abc4b2a76b9719d911017c592', trigger: 'interval', sessionsRekeyed: 1, peerId: 'spiffe://mesh.example/payments', retired: { ageMs: 3196871.2, records: 412004, destroyed: true } } } },
  rate_limit: { serviceId: 'payments', targetServiceId: 'orders', details: { action: 'rate.limited', success: false, messageCount: 912, error: 'rate_limited: more than 100 calls in 1000 ms', metadata: { direction: 'inbound', peerId: 'spiffe://mesh.example/orders', method: '*', maxRequests: 100, windowMs: 1000 } } },
  circuit_breaker: { serviceId: 'orders', targetServiceId: 'payments', details: { action: 'breaker.opened', success: false, error: 'circuit_open: 5 calls failed, the last with connect_failed', metadata: { direction: 'outbound', endpoint: '10.1.7.9:50051', from: 'closed', failures: 5, lastReason: 'connect_failed', openForMs: 60000 } } },
  error: { serviceId: 'payments', targetServiceId: 'orders', details: { action: 'session.failed', success: false, duration: 912.4, error: 'record_invalid: a record was altered, repeated, or is out of order', metadata: { direction: 'inbound', address: '[2001:db8::4]:50812', peerId: 'spiffe://mesh.example/orders', reason: 'record_invalid' } } },
  system: { serviceId: 'payments', details: { action: 'system.start', success: true, metadata: { port: 50051, peerId: 'spiffe://mesh.example/payments' } } },
};

test.each(AUDIT_EVENT_TYPES)('an event of type %s is the log that the golden file says', (eventType) => {
  const event: MeshAuditEvent = { id: '019aa9c2-1f7e-7c3a-8f55-0b6d7c1a2e90', sequence: 42, timestamp: new Date(AT), eventType, ...EVENTS[eventType] };
  const log = datadogLog(event, ORIGIN, AT + 1_000);
  const file = new URL(`golden/${eventType}.json`, import.meta.url);
  // UPDATE_GOLDEN=1 writes them anew: then look at every line of the difference.
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, `${JSON.stringify(log, undefined, 2)}\n`);
  expect(log).toEqual(JSON.parse(readFileSync(file, 'utf8')));
});

test('controls in texts of strangers do not reach the message raw, and are whole in the attributes', () => {
  const hostile = '\u001b[2J\r\nINFO forged \u202egnp \u2028';
  const log = datadogLog(eventOf({ action: hostile, error: hostile }, { serviceId: hostile, targetServiceId: hostile }), ORIGIN, Date.now());
  expect(log.message).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(log).toMatchObject({ evt: { name: hostile }, error: { message: hostile }, mesh: { service: hostile, target: hostile } });
});

test('a long message ends, and says so; the error is whole in its attribute', () => {
  const log = datadogLog(eventOf({ error: `handler_failed: ${'x'.repeat(5_000)}` }), ORIGIN, Date.now());
  expect(log.message).toMatch(/x…$/);
  expect(log.message.length).toBeLessThan(2_100);
  expect(log.error).toEqual({ kind: 'handler_failed', message: 'x'.repeat(5_000) });
});

test('a message ends with no half of a character', () => {
  const { message } = datadogLog(eventOf({ error: '😀'.repeat(2_000) }, { serviceId: 'orders', targetServiceId: undefined as never }), ORIGIN, Date.now());
  const other = datadogLog(eventOf({ error: '😀'.repeat(2_000) }, { serviceId: 'orders1', targetServiceId: undefined as never }), ORIGIN, Date.now()).message;
  for (const text of [message, other]) {
    expect(text).toMatch(/😀…$/u);
    expect(text).not.toMatch(/\p{Cs}/u);
  }
});

test('a trace is in the form that correlates, and in that of W3C', () => {
  // 0xa3ce929d0e0e4736, 0x00f067aa0ba902b7
  expect(datadogLog(eventOf({}, { trace }), ORIGIN, Date.now())).toMatchObject({ dd: { trace_id: '11803532876627986230', span_id: '67667974448284343' }, otel: { trace_id: trace.traceId, span_id: trace.spanId } });
  expect(datadogLog(eventOf({}, { trace: { traceId: 'x', spanId: 'y' } }), ORIGIN, Date.now())).not.toHaveProperty('dd');
});

test.each([
  ['10.1.7.9:50051', { ip: '10.1.7.9', port: 50051 }],
  ['[::1]:80', { ip: '::1', port: 80 }],
  ['::ffff:10.1.7.9:50051', { ip: '10.1.7.9', port: 50051 }],
  ['payments.internal:50051', undefined],
  ['10.1.7.9', undefined],
  ['unknown:0', undefined],
  ['', undefined],
  [7, undefined],
])('the address %s', (address, destination) => {
  expect(datadogLog(eventOf({ metadata: { direction: 'outbound', address } }), ORIGIN, Date.now()).network).toEqual(destination && { destination });
});

test.each([
  ['of now', 0, undefined],
  ['of 17 hours ago', -17 * HOUR_MS, undefined],
  ['of 18 hours ago', -18 * HOUR_MS, 'mesh_timestamp:late'],
  ['of a week ago', -168 * HOUR_MS, 'mesh_timestamp:late'],
  ['of an hour ahead', HOUR_MS, undefined],
  ['of two hours ahead', 2 * HOUR_MS, 'mesh_timestamp:ahead'],
])('an event %s has a timestamp that the intake takes, and its own', (_what, ageMs, mark) => {
  const log = datadogLog(eventOf({}, { timestamp: new Date(AT + ageMs) }), ORIGIN, AT);
  expect(log.timestamp).toBe(mark === undefined ? AT + ageMs : AT);
  expect(log.event.created).toBe(new Date(AT + ageMs).toISOString());
  expect(log.ddtags).toBe(mark === undefined ? ORIGIN.ddtags : `${ORIGIN.ddtags},${mark}`);
  expect(datadogLog(eventOf({}, { timestamp: new Date(AT + ageMs) }), { ...ORIGIN, ddtags: '' }, AT).ddtags).toBe(mark ?? '');
});

type CutLog = DatadogLog & { mesh: { truncated: { parts: string[]; bytes: number }; metadata: Record<string, unknown>; metadata_text?: string } };

const cutOf = (details: Partial<MeshAuditEvent['details']>, maxBytes = 100_000): CutLog => {
  const { json, bytes } = encodeLog(eventOf(details), ORIGIN, Date.now(), maxBytes);
  expect(bytes).toBe(Buffer.byteLength(json));
  expect(bytes).toBeLessThanOrEqual(maxBytes);
  return JSON.parse(json) as CutLog;
};

test('an event that is too long loses its longest text, and says which and how long it was', () => {
  const { mesh, ddtags } = cutOf({ metadata: { long: 'ü'.repeat(200_000), short: 'y'.repeat(2_000), nested: { list: [1, 'z'.repeat(300_000)] } } });
  expect(mesh.truncated).toEqual({ parts: ['mesh.metadata.long', 'mesh.metadata.nested.list.1'], bytes: expect.any(Number) });
  expect(mesh.truncated.bytes).toBeGreaterThan(700_000);
  expect(mesh.metadata['short']).toBe('y'.repeat(2_000));
  expect(mesh.metadata['long']).toMatch(/^ü{10000,}…$/);
  expect(ddtags).toBe(`${ORIGIN.ddtags},mesh_truncated:true`);
});

test('one that is just short enough is whole', () => {
  const event = eventOf({ metadata: { text: 'x'.repeat(9_000) } });
  const { bytes } = encodeLog(event, ORIGIN, Date.now(), 1_000_000);
  expect(encodeLog(event, ORIGIN, Date.now(), bytes).json).not.toContain('truncated');
  expect(encodeLog(event, ORIGIN, Date.now(), bytes - 1).json).toContain('"parts":["mesh.metadata.text"]');
});

test('an error and an action that are too long are cut as well, and no pair of surrogates in the middle', () => {
  const { error, evt, mesh } = cutOf({ action: '😀'.repeat(100_000), error: 'no reason'.repeat(100_000) });
  expect(mesh.truncated.parts).toEqual(['evt.name', 'error.message']);
  expect(evt.name).toMatch(/^(?:😀)+…$/u);
  expect(error?.message).toMatch(/^no reason.*…$/);
});

test('of what has too many texts, or too long names, the beginning stays', () => {
  const many = cutOf({ metadata: Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`key-${index}`, index])) });
  expect(many.mesh.truncated.parts).toEqual(['mesh.metadata']);
  expect(many.mesh.metadata_text).toMatch(/^\{"key-0":0,"key-1":1,/);
  expect(cutOf({ metadata: { ['n'.repeat(200_000)]: 1 } }).mesh.metadata_text).toHaveLength(12_500);
  expect(cutOf({ metadata: { list: Array.from({ length: 3_000 }, () => 'w'.repeat(200)) } }).mesh.truncated.parts).toEqual(['mesh.metadata']);
});

test('what has too many texts is cut, also where others of it are too long', () => {
  const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`key-${index}`, index]));
  const { evt, error, mesh } = cutOf({ action: 'a'.repeat(200_000), error: `handler_failed: ${'e'.repeat(200_000)}`, metadata: many });
  expect(mesh.truncated.parts).toEqual(['mesh.metadata', 'evt.name', 'error.message']);
  expect([evt.name, error?.message]).toEqual([expect.stringMatching(/^a{1000,}…$/), expect.stringMatching(/^e{1000,}…$/)]);
  expect(mesh.metadata_text).toHaveLength(12_500);
});

test('a message of which every character is escaped is cut, too', () => {
  const { message, mesh } = cutOf({ error: '\u001b'.repeat(3_000) }, 10_000);
  expect(mesh.truncated.parts).toContain('message');
  expect(message).toMatch(/…$/);
});

test('what is too deep to walk through is refused for good, and what can just be walked through is cut', () => {
  for (const levels of [100, ...Array.from({ length: 40 }, (_, index) => 2_000 + 250 * index), 50_000]) {
    let deep: unknown = 'x'.repeat(20_000);
    for (let level = 0; level < levels; level++) deep = { deep };
    const outcome = ((): unknown => {
      try {
        return encodeLog(eventOf({ metadata: { deep } }), ORIGIN, Date.now(), 10_000).bytes;
      } catch (error) {
        return error;
      }
    })();
    // In between it depends on how much of the stack is left.
    if (levels === 100) expect(outcome).toBeLessThanOrEqual(10_000);
    else if (levels === 50_000 || typeof outcome !== 'number') expect(outcome).toMatchObject({ retryable: false });
  }
});

test('what cannot be cut, is no event, or has no JSON form is refused for good', () => {
  const encode = (event: unknown) => () => encodeLog(event as MeshAuditEvent, ORIGIN, Date.now(), 10_000);
  expect(encode(eventOf({}, { id: 'i'.repeat(20_000) }))).toThrow(expect.objectContaining({ reason: 'sink_too_large', retryable: false }));
  for (const event of [undefined, null, {}, eventOf({ metadata: { big: 1n } }), eventOf({}, { timestamp: new Date(NaN) })]) {
    expect(encode(event)).toThrow(expect.objectContaining({ reason: 'adapter_failed', retryable: false }));
  }
});
