import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock, nullAuditSink, type AuditSink, type MeshError } from '@lemur-bookstores/mesh-interface';
import { KeyJournal } from '../../src/session/key-journal.js';
import { FakeRekeying } from '../support/fake-rekeying.js';
import { HoldingAudit } from '../support/holding-audit.js';
import { RecordingAudit } from '../support/nodes.js';
import { channelPair, type PlainChannel } from '../support/plain-channels.js';

interface Rig<Audit extends AuditSink> {
  readonly clock: FakeClock;
  readonly audit: Audit;
  readonly journal: KeyJournal;
  readonly channel: PlainChannel;
  readonly rekeying: FakeRekeying;
  /** What became of rotations that are not held. */
  readonly unheld: MeshError[];
  /** The keys change, and the journal hears of it. */
  rotate(...how: Parameters<FakeRekeying['rotate']>): void;
}

function rigWith<Audit extends AuditSink>(audit: Audit): Rig<Audit> {
  const clock = new FakeClock();
  const journal = new KeyJournal(audit, clock);
  const channel = channelPair().initiator;
  const rekeying = new FakeRekeying(channel, clock);
  const unheld: MeshError[] = [];
  return { clock, audit, journal, channel, rekeying, unheld, rotate: (...how) => journal.rotated(channel, rekeying.rotate(...how), (error) => void unheld.push(error)) };
}

const POLICY = { intervalMs: 1_000, rejectAfterMs: 2_000, maxRecords: 16, maxBytes: 2 ** 20, source: 'option' };
const KEY = { keyType: 'session', algorithm: 'AES-256-GCM', peerId: 'spiffe://test/server', policy: POLICY };

describe('key journal', () => {
  test('the life of a session: its first key, each that takes its place, and the last', async () => {
    const { clock, audit, journal, channel, rekeying, rotate } = rigWith(new RecordingAudit());
    expect(journal.activated(channel)).toBeUndefined();
    await clock.advance(850);
    [rekeying.sent, rekeying.received] = [{ records: 3, bytes: 300 }, { records: 4, bytes: 70 }];
    rotate('interval');
    await clock.advance(10);
    rotate('peer');
    await clock.advance(20.5);
    [rekeying.sent, rekeying.received] = [{ records: 1, bytes: 10 }, { records: 0, bytes: 0 }];
    channel.destroy();
    journal.retired(channel);

    const [first, second, third] = [0, 1, 2].map((epoch) => rekeying.keyId(epoch));
    const of = (action: string, metadata: object): object => ({ eventType: 'key_rotation', targetServiceId: 'server', details: { action, success: true, metadata: { ...KEY, ...metadata } } });
    const startedAt = Date.UTC(2026, 0, 1);
    const at = (ms: number): string => new Date(startedAt + ms).toISOString();
    expect(audit.events).toEqual([
      of('key.activated', { keyId: first, trigger: 'start' }),
      of('key.rotated', { keyId: second, previousKeyId: first, trigger: 'interval', sessionsRekeyed: 1, retired: { activatedAt: at(0), ageMs: 850, records: 7, bytes: 370, destroyed: true } }),
      of('key.rotated', { keyId: third, previousKeyId: second, trigger: 'peer', sessionsRekeyed: 1, retired: { activatedAt: at(850), ageMs: 10, records: 0, bytes: 0, destroyed: true } }),
      // What brought it, since nothing takes its place.
      of('key.retired', { keyId: third, trigger: 'peer', retired: { activatedAt: at(860), ageMs: 20.5, records: 1, bytes: 10, destroyed: true } }),
    ]);
  });

  test('the other suite has another algorithm', () => {
    const { audit, journal, channel } = rigWith(new RecordingAudit());
    channel.suite = 'chachapoly';
    journal.activated(channel);
    expect(audit.events[0]?.details.metadata?.['algorithm']).toBe('ChaCha20-Poly1305');
  });

  test('a first key is said once, an end once, and no end without a beginning', () => {
    const { audit, journal, channel } = rigWith(new RecordingAudit());
    journal.retired(channel);
    expect(audit.events).toEqual([]);
    for (const act of ['activated', 'activated', 'retired', 'retired'] as const) journal[act](channel);
    expect(audit.actions()).toEqual(['key.activated', 'key.retired']);
  });

  test.each([['compromise', 'compromise'], ['key_rotation', 'interval'], [undefined, 'interval']] as const)('a session that was ended because of %s: the trigger of its last key is %s', (cause, trigger) => {
    const { audit, journal, channel, rotate } = rigWith(new RecordingAudit());
    journal.activated(channel);
    rotate('interval');
    journal.retired(channel, cause);
    expect(audit.events.at(-1)?.details).toMatchObject({ action: 'key.retired', metadata: { trigger } });
  });

  test('a rotation before the session stands here: its first key is said before it, and not again', () => {
    const { audit, journal, channel, rekeying, rotate } = rigWith(new RecordingAudit());
    rotate('interval');
    journal.activated(channel);
    expect(audit.events.map(({ details: { action, metadata } }) => [action, metadata?.['keyId']])).toEqual([
      ['key.activated', rekeying.keyId(0)],
      ['key.rotated', rekeying.keyId(1)],
    ]);
  });

  test.each(['no-answer', 'epochs'] as const)('keys that will not be replaced (%s): the one that stays, and what should have replaced it', (why) => {
    const { audit, journal, channel, rekeying, rotate } = rigWith(new RecordingAudit());
    journal.activated(channel);
    rotate();
    journal.failed(channel, why, 'bytes');
    expect(audit.events.at(-1)).toEqual({
      eventType: 'key_rotation',
      targetServiceId: 'server',
      details: { action: 'key.rotation_failed', success: false, error: expect.stringMatching(why === 'epochs' ? /^key_expired: there is no epoch/ : /^key_expired: the peer did not/), metadata: { ...KEY, keyId: rekeying.keyId(1), trigger: 'bytes' } },
    });
  });

  test('of a channel whose keys are never replaced nothing is said', () => {
    const { audit, journal } = rigWith(new RecordingAudit());
    const channel = channelPair().responder;
    journal.activated(channel);
    journal.failed(channel, 'epochs', 'manual');
    journal.retired(channel);
    expect(audit.events).toEqual([]);
  });

  test('where nobody listens nothing is built', () => {
    const recorded: unknown[] = [];
    const { journal, channel, rekeying, rotate } = rigWith({ ...nullAuditSink, record: (event) => void recorded.push(event) });
    expect(journal.activated(channel)).toBeUndefined();
    const rotation = rekeying.rotate();
    const looks = rekeying.looks;
    journal.rotated(channel, rotation, () => {});
    journal.failed(channel, 'no-answer', 'interval');
    journal.retired(channel);
    expect([recorded, rekeying.looks - looks]).toEqual([[], 0]);
    rotate();
  });

  test('whatever happens: as many rotations as epochs, and each key but the first takes the place of the one before', () => {
    const step = fc.constantFrom('activated', 'rotate', 'rotate', 'failed', 'retired' as const);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { audit, journal, channel, rekeying, rotate } = rigWith(new RecordingAudit());
        for (const each of steps) {
          // A session that has ended rotates nothing.
          if (channel.destroyed) break;
          if (each === 'rotate') rotate();
          else if (each === 'failed') journal.failed(channel, 'no-answer', 'interval');
          else if (each === 'activated') journal.activated(channel);
          else {
            channel.destroy();
            journal.retired(channel);
          }
        }
        const having = (action: string): Record<string, unknown>[] => audit.events.filter(({ details }) => details.action === action).map(({ details }) => details.metadata ?? {});
        expect(having('key.rotated').map(({ keyId, previousKeyId }) => [previousKeyId, keyId])).toEqual(Array.from({ length: channel.epoch }, (_, epoch) => [rekeying.keyId(epoch), rekeying.keyId(epoch + 1)]));
        expect(having('key.activated').map(({ keyId }) => keyId)).toEqual(channel.epoch > 0 || having('key.activated').length > 0 ? [rekeying.keyId(0)] : []);
        expect(having('key.retired').map(({ keyId }) => keyId)).toEqual(channel.destroyed && having('key.activated').length > 0 ? [rekeying.keyId(channel.epoch)] : []);
      }),
    );
  });
});

describe('key journal, where key_rotation events are fail-closed', () => {
  const failClosed = (): Rig<HoldingAudit> => rigWith(new HoldingAudit(['key_rotation'], ['key.activated', 'key.rotated']));

  test('the first key is to be waited for, by whoever asks', async () => {
    const { audit, journal, channel } = failClosed();
    const held = journal.activated(channel);
    expect(journal.activated(channel)).toBe(held);
    let done = false;
    void held?.then(() => (done = true));
    await audit.reached('key.activated');
    expect(done).toBe(false);
    await audit.hold('key.activated');
    expect(done).toBe(true);
  });

  test('no durable sink takes it: whoever waits learns it, and a session that is gone by then disturbs nobody', async () => {
    const { audit, journal, channel } = failClosed();
    const held = journal.activated(channel);
    await audit.refuse('key.activated');
    await expect(held).rejects.toMatchObject({ reason: 'audit_unavailable' });
    expect(audit.said).toEqual(['hold key.activated']);
  });

  test('a rotation that is held in time changes nothing', async () => {
    const { audit, clock, unheld, rotate } = failClosed();
    rotate();
    await clock.advance(9_999);
    await audit.hold('key.rotated');
    await clock.advance(60_000);
    expect([unheld, clock.pendingTimers]).toEqual([[], 0]);
  });

  test('a rotation that no durable sink takes, or none within 10 s, is told: once, as audit_unavailable', async () => {
    const refused = failClosed();
    refused.rotate();
    await refused.audit.refuse('key.rotated');
    expect(refused.unheld).toEqual([expect.objectContaining({ reason: 'audit_unavailable', message: expect.stringContaining('key.rotated') })]);

    const hanging = failClosed();
    hanging.rotate();
    await hanging.clock.advance(9_999);
    expect(hanging.unheld).toEqual([]);
    await hanging.clock.advance(1);
    await hanging.audit.refuse('key.rotated');
    expect(hanging.unheld).toEqual([expect.objectContaining({ reason: 'audit_unavailable' })]);
    for (const { clock } of [refused, hanging]) expect(clock.pendingTimers).toBe(0);
  });

  test('ends and failures are recorded: nothing waits for them', () => {
    const { audit, journal, channel } = failClosed();
    void journal.activated(channel);
    journal.failed(channel, 'epochs', 'interval');
    journal.retired(channel);
    expect(audit.said).toEqual(['hold key.activated', 'key.rotation_failed', 'key.retired']);
  });
});
