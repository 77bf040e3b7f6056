import { expect, test } from '@jest/globals';
import { nullAuditSink } from '../src/audit-sink.js';

test('nullAuditSink takes everything, keeps nothing, and says that nobody listens', async () => {
  const event = { eventType: 'system', details: { action: 'test', success: true } } as const;
  expect(nullAuditSink.enabled).toBe(false);
  expect(nullAuditSink.record(event)).toBeUndefined();
  await expect(nullAuditSink.log(event)).resolves.toBeUndefined();
});
