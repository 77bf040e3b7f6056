import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, nullAuditSink } from '@lemur-bookstores/mesh-interface';
import { ConnectionJournal } from '../../src/session/connection-journal.js';
import { RecordingAudit, RecordingLogger } from '../support/nodes.js';
import { RecordingDelegate, SessionRig } from '../support/session-rig.js';

function rig(): { clock: FakeClock; audit: RecordingAudit; logger: RecordingLogger; journal: ConnectionJournal } {
  const [clock, audit, logger] = [new FakeClock(), new RecordingAudit(), new RecordingLogger()];
  return { clock, audit, logger, journal: new ConnectionJournal(audit, logger, clock) };
}

const untrusted = new MeshError('peer_untrusted', 'foreign');
const limited = new MeshError('admission_limited', 'too many');

describe('connection journal', () => {
  test('a session that opens is a proven peer and a connection', () => {
    const { audit, journal } = rig();
    const { session } = new SessionRig('initiator', new RecordingDelegate());
    expect(journal.proven('outbound', session, 12)).toBeUndefined();
    journal.opened('outbound', session);
    expect(audit.events).toEqual([
      expect.objectContaining({ eventType: 'connection', targetServiceId: 'server', details: { action: 'auth.succeeded', success: true, duration: 12, metadata: { direction: 'outbound', address: '10.0.0.1:1234', peerId: 'spiffe://test/server', suite: 'aesgcm' } } }),
      expect.objectContaining({ details: expect.objectContaining({ action: 'connection.open' }) }),
    ]);
    expect([journal.successful, journal.handshakes]).toEqual([1, { ok: 1 }]);
  });

  test('a dial to somebody else is a failed authentication, and a warning; an unreachable one is neither', () => {
    const { audit, logger, journal } = rig();
    journal.dialFailed('server', '10.0.0.1:1', untrusted, 5);
    journal.dialFailed('server', '10.0.0.1:1', new MeshError('connect_failed', 'nobody'), 5);
    expect(audit.actions('connection')).toEqual(['auth.failed', 'connection.failed']);
    expect(audit.events[0]?.details).toMatchObject({ success: false, duration: 5, error: 'peer_untrusted: foreign', metadata: { reason: 'peer_untrusted' } });
    expect(logger.lines).toHaveLength(1);
    expect([journal.failed, journal.handshakes]).toEqual([2, { peer_untrusted: 1, connect_failed: 1 }]);
  });

  test('strangers cannot flood the audit: the first of a reason at once, the rest as a number each second', async () => {
    const { clock, audit, journal } = rig();
    for (let i = 0; i < 1_000; i++) journal.refused(`10.0.0.1:${i}`, limited);
    for (let i = 0; i < 10; i++) journal.refused(`10.0.0.2:${i}`, untrusted);
    expect(audit.actions()).toEqual(['connection.refused', 'auth.failed']);
    await clock.advance(1_000);
    expect(audit.events.slice(2).map(({ details }) => [details.action, details.messageCount, details.metadata?.['address']])).toEqual([
      ['connection.refused', 999, '10.0.0.1:999'],
      ['auth.failed', 9, '10.0.0.2:9'],
    ]);
    expect(journal.failed).toBe(1_010);
    expect(journal.handshakes).toEqual({ admission_limited: 1_000, peer_untrusted: 10 });
    // Then the next one is said at once again, and a lone one not twice.
    journal.refused('10.0.0.1:1', limited);
    await clock.advance(5_000);
    expect(audit.events).toHaveLength(5);
    expect(clock.pendingTimers).toBe(0);
  });

  test('flush() says what is left and stops the timer', () => {
    const { clock, audit, journal } = rig();
    for (let i = 0; i < 3; i++) journal.refused('10.0.0.1:1', limited);
    journal.flush();
    expect(audit.events.map(({ details }) => details.messageCount)).toEqual([1, 2]);
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([
    [{ type: 'closed', by: 'peer' } as const, 'connection', 'connection.close', true],
    [{ type: 'truncated', error: new MeshError('connection_truncated', 'cut') } as const, 'connection', 'connection.truncated', false],
    [{ type: 'failed', error: new MeshError('record_invalid', 'bad') } as const, 'error', 'session.failed', false],
  ])('the end %j of a session is said and its bytes are kept', async (end, eventType, action, success) => {
    const { clock, audit, journal } = rig();
    const { session } = new SessionRig('responder', new RecordingDelegate());
    session.receivedBytes = 70;
    session.packer.sentBytes = 30;
    await clock.advance(500);
    journal.ended('inbound', session, end);
    expect(audit.events).toEqual([expect.objectContaining({ eventType, targetServiceId: 'client', details: expect.objectContaining({ action, success, duration: 500 }) })]);
    expect(journal.endedBytes).toEqual({ sent: 30, received: 70 });
  });

  test('counts also where nobody listens', () => {
    const { clock, logger } = rig();
    const journal = new ConnectionJournal(nullAuditSink, logger, clock);
    journal.refused('10.0.0.1:1', limited);
    journal.dialFailed('server', 'a:1', untrusted, 1);
    expect(journal.failed).toBe(2);
  });
});
