import { AUDIT_EVENT_TYPES } from '@lemur-bookstores/mesh-interface';
import { describe, expect, test } from '@jest/globals';
import { SampleEvents } from '../src/sample-events.js';

describe('SampleEvents', () => {
  test('are numbered, of every type, with outcomes of both kinds, ids of their own, and frozen', () => {
    const samples = new SampleEvents('s');
    const events = Array.from({ length: 21 }, () => samples.next());
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_event, index) => index + 1));
    for (const eventType of AUDIT_EVENT_TYPES) {
      const outcomes = events.filter((event) => event.eventType === eventType).map(({ details }) => details.success);
      expect(new Set(outcomes)).toEqual(new Set([true, false]));
    }
    const ids = [...events, ...Array.from({ length: 5 }, () => new SampleEvents('s').next())].map(({ id }) => id);
    expect(new Set(ids).size).toBe(26);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    for (const { details } of events) expect([details, details.metadata].every(Object.isFrozen)).toBe(true);
  });

  test('varied ones have times that repeat and go back, in milliseconds', () => {
    const samples = new SampleEvents('s');
    const times = Array.from({ length: 28 }, () => samples.varied().timestamp.getTime());
    const steps = times.slice(1).map((time, index) => time - times[index]!);
    expect(steps.some((step) => step < 0)).toBe(true);
    expect(steps).toContain(0);
    expect(times.some((time) => time % 1_000 !== 0)).toBe(true);
  });

  test('bare ones have what was kept', () => {
    const samples = new SampleEvents('s');
    expect(Object.keys(samples.bare('nothing')).sort()).toEqual(['details', 'eventType', 'id', 'sequence', 'serviceId', 'timestamp']);
    expect(Object.keys(samples.bare('nothing').details)).toEqual(['action', 'success']);
    expect(samples.bare('trace').trace).toBeDefined();
    expect(samples.bare('error').details.error).toBeDefined();
    expect(samples.bare('metadata').details.metadata).toBeDefined();
    expect(samples.bare('targetServiceId').targetServiceId).toBeDefined();
  });
});
