import { expect, test } from '@jest/globals';
import { AuditLogger } from '../../src/audit-logger.js';
import { message, RecordingAdapter, RecordingLogger } from '../support.js';

test('trace ids are cut like all other texts: a lane is bounded in bytes', async () => {
  const audit = new AuditLogger({ adapters: [new RecordingAdapter()], logger: new RecordingLogger() });
  const event = audit.record({ ...message(), trace: { traceId: 'a'.repeat(1_048_576), spanId: 'b'.repeat(600) } });
  expect(event?.trace).toEqual({ traceId: `${'a'.repeat(512)}…[+1048064 chars]`, spanId: `${'b'.repeat(512)}…[+88 chars]` });
  const usual = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
  expect(audit.record({ ...message(), trace: usual })?.trace).toEqual(usual);
  // In JavaScript half a trace is no reason to lose the event.
  expect(audit.record({ ...message(), trace: { traceId: 'a' } as never })?.trace).toEqual({ traceId: 'a' });
  await audit.close();
});
