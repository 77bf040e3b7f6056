import { describe, expect, test } from '@jest/globals';
import { FakeClock, type AdmissionTicket, type MeshError } from '@lemur-bookstores/mesh-interface';
import { Admission } from '../../src/session/admission.js';
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from '../../src/session/session-limits.js';

interface Rig {
  readonly clock: FakeClock;
  readonly admission: Admission;
  readonly refused: { address: string; reason: string }[];
  readonly evicted: string[];
  admit(address: string): AdmissionTicket | undefined;
}

function rig(limits: Partial<SessionLimits> = {}): Rig {
  const clock = new FakeClock();
  const refused: Rig['refused'] = [];
  const evicted: string[] = [];
  const admission = new Admission(clock, { ...DEFAULT_SESSION_LIMITS, ...limits }, (address: string, { reason }: MeshError) => refused.push({ address, reason }));
  return { clock, admission, refused, evicted, admit: (address) => admission.admit(address, () => evicted.push(address)) };
}

describe('admission', () => {
  test('a released ticket is pending no more, and its deadline is off', async () => {
    const { clock, admission, refused, evicted, admit } = rig();
    const ticket = admit('10.0.0.1:1');
    expect(admission.pending).toBe(1);
    expect(ticket?.firstMessage()).toBe(true);
    expect(admission.pending).toBe(1);
    ticket?.release();
    ticket?.release();
    expect(admission.pending).toBe(0);
    await clock.advance(60_000);
    expect([refused, evicted, clock.pendingTimers]).toEqual([[], [], 0]);
  });

  test.each([false, true])('who has not finished within 5 s of accept is sent away (having spoken: %s)', async (spoke) => {
    const { clock, admission, refused, evicted, admit } = rig();
    const ticket = admit('10.0.0.1:1');
    if (spoke) ticket?.firstMessage();
    await clock.advance(4_999);
    expect(evicted).toEqual([]);
    await clock.advance(1);
    expect(evicted).toEqual(['10.0.0.1:1']);
    expect(refused).toEqual([{ address: '10.0.0.1:1', reason: 'handshake_timeout' }]);
    expect(admission.pending).toBe(0);
    expect(ticket?.firstMessage()).toBe(false);
  });

  test('over the cap the oldest silent one goes, not one that has spoken', () => {
    const { admission, refused, evicted, admit } = rig({ maxPending: 3 });
    admit('a:1')?.firstMessage();
    for (const address of ['b:1', 'c:1', 'd:1', 'e:1']) expect(admit(address)).toBeDefined();
    expect(evicted).toEqual(['b:1', 'c:1']);
    expect(refused.map(({ reason }) => reason)).toEqual(['admission_limited', 'admission_limited']);
    expect(admission.pending).toBe(3);
  });

  test('regression: where all have spoken, the one that spoke first goes: nobody can hold the door shut', () => {
    const { admission, refused, evicted, admit } = rig({ maxPending: 2 });
    for (const address of ['a:1', 'b:1']) admit(address)?.firstMessage();
    expect(admit('c:1')).toBeDefined();
    expect(evicted).toEqual(['a:1']);
    expect(refused).toEqual([{ address: 'a:1', reason: 'admission_limited' }]);
    expect(admission.pending).toBe(2);
  });

  test('5,000 silent ones: never more than 1,024 are pending', () => {
    const { admission, evicted, admit } = rig();
    let most = 0;
    for (let i = 0; i < 5_000; i++) {
      admit(`10.0.0.1:${i}`);
      most = Math.max(most, admission.pending);
    }
    expect(most).toBe(1_024);
    expect(evicted).toHaveLength(5_000 - 1_024);
    expect(evicted[0]).toBe('10.0.0.1:0');
  });

  test('an evicted one gets nowhere', () => {
    const { admit } = rig({ maxPending: 1 });
    const first = admit('a:1');
    admit('b:1');
    expect(first?.firstMessage()).toBe(false);
  });

  test('handshakes from one address are limited, whatever its ports; others are not', async () => {
    const { clock, admission, refused, admit } = rig({ addressPerSecond: 1, addressBurst: 2 });
    const speak = (address: string): boolean | undefined => {
      const ticket = admit(address);
      const admitted = ticket?.firstMessage();
      ticket?.release();
      return admitted;
    };
    expect([speak('10.0.0.1:1'), speak('10.0.0.1:2'), speak('10.0.0.1:3')]).toEqual([true, true, false]);
    expect(refused).toEqual([{ address: '10.0.0.1:3', reason: 'admission_limited' }]);
    expect(speak('10.0.0.2:1')).toBe(true);
    expect(speak('::ffff:10.0.0.1:1')).toBe(true);
    await clock.advance(1_000);
    expect([speak('10.0.0.1:4'), speak('10.0.0.1:5')]).toEqual([true, false]);
    expect(admission.pending).toBe(0);
  });

  test('handshakes from everywhere are limited together', () => {
    const { refused, admit } = rig({ globalPerSecond: 1, globalBurst: 3 });
    const admitted = Array.from({ length: 5 }, (_, index) => admit(`10.0.0.${index}:1`)?.firstMessage());
    expect(admitted).toEqual([true, true, true, false, false]);
    expect(refused).toHaveLength(2);
  });

  test('knocking without a word costs no token', () => {
    const { admit } = rig({ addressPerSecond: 1, addressBurst: 1 });
    for (let i = 0; i < 10; i++) admit('10.0.0.1:1')?.release();
    expect(admit('10.0.0.1:1')?.firstMessage()).toBe(true);
  });

  test('a flood from more addresses than are kept shares the global bucket; the memory of old ones is freed', async () => {
    const { clock, admit } = rig({ addressPerSecond: 1, addressBurst: 1, globalPerSecond: 1_000_000, globalBurst: 1_000_000 });
    const speak = (address: string): boolean | undefined => {
      const ticket = admit(address);
      const admitted = ticket?.firstMessage();
      ticket?.release();
      return admitted;
    };
    expect(Array.from({ length: 4_096 }, (_, index) => speak(`a${index}:1`)).every((admitted) => admitted === true)).toBe(true);
    // Not kept: the same stranger may come again, as far as the global bucket goes.
    expect([speak('new:1'), speak('new:2'), speak('new:3')]).toEqual([true, true, true]);
    await clock.advance(1_000);
    // Full buckets were forgotten, so this one is kept again.
    expect([speak('new:4'), speak('new:5')]).toEqual([true, false]);
  });

  test('close() sends all away and leaves no timer', () => {
    const { clock, admission, evicted, admit } = rig();
    admit('a:1');
    admit('b:1')?.firstMessage();
    admission.close();
    expect(evicted.sort()).toEqual(['a:1', 'b:1']);
    expect([admission.pending, clock.pendingTimers]).toEqual([0, 0]);
  });
});
