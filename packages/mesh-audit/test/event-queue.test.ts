import { describe, expect, test } from '@jest/globals';
import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { EventQueue } from '../src/event-queue.js';
import type { Gap, StampedEvent } from '../src/event-stamper.js';

/** Contracts decide, whatever the event's type: `durable` and `fail-closed` take turns. */
const entry = (sequence: number, what: 'promised' | 'best-effort' | 'gap', bytes = 10): StampedEvent => ({
  event: { sequence } as MeshAuditEvent,
  nowMs: 0,
  at: 0,
  bytes,
  kind: what === 'gap' ? 'gap' : 'event',
  contract: what === 'best-effort' ? 'best-effort' : sequence % 2 === 0 ? 'durable' : 'fail-closed',
  acknowledgement: undefined,
});

function queueOf(maxEvents: number, maxBytes = 1_000_000): { queue: EventQueue; dropped: StampedEvent[]; gaps: Gap[] } {
  const dropped: StampedEvent[] = [];
  const gaps: Gap[] = [];
  const makeGap = (gap: Gap): StampedEvent => {
    gaps.push(gap);
    return entry(gap.sequence, 'gap');
  };
  return { queue: new EventQueue({ maxEvents, maxBytes, onDrop: (lost) => dropped.push(lost), makeGap }), dropped, gaps };
}

const sequences = (entries: readonly StampedEvent[]): number[] => entries.map(({ event }) => event.sequence);

describe('EventQueue', () => {
  test('gives events of all contracts in the order of their sequence', () => {
    const { queue } = queueOf(10);
    for (const sequence of [1, 2, 3, 4, 5]) queue.offer(entry(sequence, sequence % 2 === 0 ? 'best-effort' : 'promised'));
    expect(queue.oldest?.event.sequence).toBe(1);
    expect(sequences(queue.take(2))).toEqual([1, 2]);
    expect(sequences(queue.take(9))).toEqual([3, 4, 5]);
    expect(queue.oldest).toBeUndefined();
  });

  test('counts what is in flight until it is released', () => {
    const { queue, dropped } = queueOf(2);
    queue.offer(entry(1, 'best-effort'));
    queue.offer(entry(2, 'best-effort'));
    const taken = queue.take(2);
    queue.offer(entry(3, 'best-effort'));
    expect(sequences(dropped)).toEqual([3]);
    taken.forEach((one) => queue.release(one));
    expect(queue.events).toBe(0);
    queue.offer(entry(4, 'best-effort'));
    expect(queue.events).toBe(1);
  });

  test('when full, a best-effort event is dropped; for one of another contract the newest waiting best-effort ones go', () => {
    const { queue, dropped } = queueOf(3);
    queue.offer(entry(1, 'best-effort'));
    queue.offer(entry(2, 'best-effort'));
    queue.offer(entry(3, 'promised'));
    queue.offer(entry(4, 'best-effort'));
    expect(sequences(dropped)).toEqual([4]);
    queue.offer(entry(5, 'promised'));
    queue.offer(entry(6, 'promised'));
    expect(sequences(dropped)).toEqual([4, 2, 1]);
    queue.offer(entry(7, 'promised'));
    expect(sequences(dropped)).toEqual([4, 2, 1, 7]);
    expect(sequences(queue.take(9))).toEqual([3, 5, 6]);
  });

  test('is bounded in bytes too; best-effort events do not go in vain for one that fits in no case', () => {
    const { queue, dropped } = queueOf(100, 100);
    queue.offer(entry(1, 'best-effort', 40));
    queue.offer(entry(2, 'best-effort', 40));
    queue.offer(entry(3, 'promised', 101));
    expect(sequences(dropped)).toEqual([3]);
    queue.offer(entry(4, 'promised', 90));
    expect(sequences(dropped)).toEqual([3, 2, 1]);
  });

  test('a drop leaves one gap record in its place, once there is room', () => {
    const { queue, gaps } = queueOf(10);
    for (let sequence = 1; sequence <= 14; sequence++) queue.offer(entry(sequence, 'best-effort'));
    expect(gaps).toEqual([]);
    const [first] = queue.take(1);
    queue.release(first!);
    expect(gaps).toEqual([{ count: 4, from: 11, to: 14, sequence: 14 }]);
    queue.offer(entry(15, 'best-effort'));
    expect(sequences(queue.take(99))).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15]);
  });

  test('regression: a gap record never stands before what was given already, nor before an earlier gap record', () => {
    const { queue, gaps } = queueOf(2);
    queue.offer(entry(1, 'best-effort'));
    queue.offer(entry(2, 'best-effort'));
    queue.offer(entry(3, 'promised'));
    const taken = queue.take(2);
    expect(sequences(taken)).toEqual([1, 3]);
    taken.forEach((one) => queue.release(one));
    expect(gaps).toEqual([{ count: 1, from: 2, to: 2, sequence: 3 }]);
    expect(sequences(queue.take(1))).toEqual([3]);

    const second = queueOf(20, 100);
    second.queue.offer(entry(1, 'best-effort', 80));
    second.queue.offer(entry(2, 'promised', 200));
    second.queue.offer(entry(3, 'promised', 90));
    const rest = second.queue.take(9);
    rest.forEach((one) => second.queue.release(one));
    expect(sequences([...rest, ...second.queue.take(9)])).toEqual([2, 2, 3]);
    expect(second.gaps).toMatchObject([{ from: 2, sequence: 2 }, { from: 1, sequence: 2 }]);
  });

  test('while a full queue is filled as fast as it is emptied, one gap widens', () => {
    const { queue, gaps, dropped } = queueOf(100);
    for (let sequence = 1; sequence <= 100; sequence++) queue.offer(entry(sequence, 'best-effort'));
    for (let sequence = 101; sequence <= 1_100; sequence += 2) {
      queue.take(1).forEach((one) => queue.release(one));
      queue.offer(entry(sequence, 'best-effort'));
      queue.offer(entry(sequence + 1, 'best-effort'));
    }
    expect(gaps).toEqual([]);
    queue.take(20).forEach((one) => queue.release(one));
    expect(gaps).toEqual([{ count: 500, from: 102, to: 1_100, sequence: 1_100 }]);
    expect(dropped).toHaveLength(500);
  });

  test('events too large for the whole queue cannot pile up gap records', () => {
    const { queue, gaps } = queueOf(10, 100);
    for (let sequence = 1; sequence <= 1_000; sequence++) queue.offer(entry(sequence, 'promised', 200));
    expect(gaps.length).toBeLessThanOrEqual(16);
    for (let taken = queue.take(1); taken.length > 0; taken = queue.take(1)) taken.forEach((one) => queue.release(one));
    expect(gaps.reduce((sum, gap) => sum + gap.count, 0)).toBe(1_000);
  });

  test('whatever comes: within its bounds, in order, nothing lost without a gap, nothing promised lost while a best-effort event waits', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ offer: fc.constantFrom('promised' as const, 'best-effort' as const), bytes: fc.integer({ min: 1, max: 60 }) }) },
      { weight: 2, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 6 }) }) },
      { weight: 2, arbitrary: fc.record({ release: fc.integer({ min: 1, max: 6 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 30, max: 300 }), (steps, maxEvents, maxBytes) => {
        const { queue, dropped, gaps } = queueOf(maxEvents, maxBytes);
        const waiting = new Map<number, StampedEvent>();
        const inFlight: StampedEvent[] = [];
        const taken: StampedEvent[] = [];
        let sequence = 0;
        for (const one of steps) {
          if ('offer' in one) {
            const offered = entry(++sequence, one.offer, one.bytes);
            const before = dropped.length;
            const messagesBytes = [...waiting.values()].filter(({ contract }) => contract === 'best-effort').reduce((sum, { bytes }) => sum + bytes, 0);
            const held = [...waiting.values(), ...inFlight.filter(({ kind }) => kind !== 'gap')];
            const heldBytes = held.reduce((sum, { bytes }) => sum + bytes, 0);
            queue.offer(offered);
            waiting.set(sequence, offered);
            for (const lost of dropped.slice(before)) waiting.delete(lost.event.sequence);
            if (dropped.slice(before).includes(offered) && offered.contract !== 'best-effort') {
              const noMessageWaits = messagesBytes === 0;
              expect(noMessageWaits || heldBytes - messagesBytes + offered.bytes > maxBytes).toBe(true);
              expect(dropped.slice(before)).toEqual([offered]);
            }
          } else if ('take' in one) {
            for (const got of queue.take(one.take)) {
              waiting.delete(got.event.sequence);
              inFlight.push(got);
              taken.push(got);
            }
          } else for (const done of inFlight.splice(0, one.release)) queue.release(done);
          const counted = [...waiting.values(), ...inFlight.filter(({ kind }) => kind !== 'gap')];
          expect(queue.events).toBe(counted.length);
          expect(queue.events).toBeLessThanOrEqual(maxEvents);
          expect(counted.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(maxBytes);
        }
        for (let rest = [...inFlight.splice(0), ...queue.take(1)]; rest.length > 0; rest = queue.take(1)) {
          for (const one of rest) {
            if (!taken.includes(one)) taken.push(one);
            queue.release(one);
          }
        }
        const events = taken.filter(({ kind }) => kind !== 'gap');
        expect(sequences(taken)).toEqual(sequences(taken).toSorted((a, b) => a - b));
        expect(sequences(events)).toEqual([...new Set(sequences(events))]);
        expect(events.length + dropped.length).toBe(sequence);
        expect(gaps.reduce((sum, gap) => sum + gap.count, 0)).toBe(dropped.length);
        for (const { event } of dropped) expect(gaps.some((gap) => gap.from <= event.sequence && event.sequence <= gap.to)).toBe(true);
        expect(taken.filter(({ kind }) => kind === 'gap')).toHaveLength(gaps.length);
      }),
      { numRuns: 400 },
    );
  });
});
