import { expect, test } from '@jest/globals';
import type { AuditEventType, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { RECENT_EVENTS, RecentEvents } from '../src/admin/recent-events.js';

const event = (sequence: number, eventType: AuditEventType): MeshAuditEvent => ({ id: String(sequence), sequence, timestamp: new Date(0), eventType, serviceId: 'orders', details: { action: 'x', success: true } });
const numbers = (events: readonly MeshAuditEvent[]): number[] => events.map(({ sequence }) => sequence);

test('the newest come, oldest first, of all types or one', () => {
  const recent = new RecentEvents();
  for (const [index, type] of (['system', 'message', 'connection', 'message', 'system'] as const).entries()) recent.add(event(index + 1, type));
  expect(numbers(recent.take({ limit: 100 }))).toEqual([1, 2, 3, 4, 5]);
  expect(numbers(recent.take({ limit: 2 }))).toEqual([4, 5]);
  expect(numbers(recent.take({ limit: 100, type: 'system' }))).toEqual([1, 5]);
  expect(numbers(recent.take({ limit: 1, type: 'message' }))).toEqual([4]);
});

test('it is bounded, and calls do not push out anything else', () => {
  const recent = new RecentEvents();
  recent.add(event(1, 'key_rotation'));
  for (let sequence = 2; sequence <= 5 * RECENT_EVENTS; sequence++) recent.add(event(sequence, 'message'));
  const all = numbers(recent.take({ limit: 1e9 }));
  expect([all.length, all[0], all[1], all.at(-1)]).toEqual([RECENT_EVENTS + 1, 1, 4 * RECENT_EVENTS + 1, 5 * RECENT_EVENTS]);
});
