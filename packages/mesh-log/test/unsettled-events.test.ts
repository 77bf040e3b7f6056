import { describe, expect, test } from '@jest/globals';
import { UnsettledEvents } from '../src/unsettled-events.js';
import { auditEvent } from './support/logs.js';

describe('unsettled events', () => {
  const events = Array.from({ length: 5 }, () => auditEvent());

  test('are missing again when their append fails', async () => {
    const unsettled = new UnsettledEvents();
    unsettled.add(events, Promise.reject(new Error('no')));
    expect(await unsettled.missing(events)).toEqual(events);
    expect(unsettled.some).toBe(false);
  });

  test('are bounded', async () => {
    const unsettled = new UnsettledEvents();
    unsettled.add(events, Promise.resolve());
    unsettled.add(Array.from({ length: 100_000 }, () => auditEvent()), Promise.resolve());
    expect(await unsettled.missing(events)).toEqual(events);
  });

  test('without an id are never taken for each other', async () => {
    const unsettled = new UnsettledEvents();
    const nameless = auditEvent({ id: undefined as unknown as string });
    unsettled.add([nameless], Promise.resolve());
    expect(await unsettled.missing([nameless])).toEqual([nameless]);
  });
});
