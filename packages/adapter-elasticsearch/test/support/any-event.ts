import { AUDIT_EVENT_TYPES, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constantFrom('\0', '\ud800', 'a.b', '', ' ', '__proto__', '\u2028', 'x'.repeat(9_000), '日'.repeat(9_000)));
const key = fc.oneof(text, fc.constantFrom('.', '..', 'a.', '.a', 'a\0b', 'constructor', 'address', 'direction', 'peerId', 'suite', 'reason', 'k'.repeat(3_000)));
/** JSON has no other. */
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text, number, fc.boolean(), fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
/** As deep as nobody nests. */
const deep = fc.tuple(fc.integer({ min: 15, max: 1_200 }), fc.boolean()).map(([levels, isList]) => {
  let inner: unknown = 1;
  for (let level = 0; level < levels; level++) inner = isList ? [inner] : { a: inner };
  return { deep: inner };
});
const metadata = fc.oneof({ weight: 5, arbitrary: fc.dictionary(key, value, { maxKeys: 5, noNullPrototype: true }) }, { weight: 1, arbitrary: deep });

let last = 0;

/** Any event whatever, as JSON can hold it: also such as no mesh makes. */
export const anyEvent: fc.Arbitrary<MeshAuditEvent> = fc
  .record({
    sequence: fc.maxSafeNat(),
    timestamp: fc.oneof(fc.date({ noInvalidDate: true }), fc.date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })),
    eventType: fc.constantFrom(...AUDIT_EVENT_TYPES),
    serviceId: text,
    targetServiceId: fc.option(text, { nil: undefined }),
    trace: fc.option(fc.record({ traceId: text, spanId: text }), { nil: undefined }),
    action: text,
    success: fc.boolean(),
    duration: fc.option(number, { nil: undefined }),
    messageCount: fc.option(number, { nil: undefined }),
    error: fc.option(text, { nil: undefined }),
    metadata: fc.option(metadata, { nil: undefined }),
  })
  .map(({ sequence, timestamp, eventType, serviceId, targetServiceId, trace, ...details }) => {
    const given = <T extends object>(of: T): T => Object.fromEntries(Object.entries(of).filter(([, each]) => each !== undefined)) as T;
    return given({ id: `any-${process.pid}-${Date.now()}-${++last}`, sequence, timestamp, eventType, serviceId, targetServiceId, trace, details: given(details) }) as MeshAuditEvent;
  });
