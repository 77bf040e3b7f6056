import { expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { Incident } from '../src/incident.js';
import type { Signal } from '../src/rules.js';

const SUBJECT = { key: 'mesh/test/s/breakerOpen/t', rule: 'breakerOpen', service: 's', target: 't' } as const;
const REFUSED = new MeshError('sink_refused', 'no', { retryable: false });
const raise = (more: Partial<Signal> = {}): Signal => ({ level: 'raise', rule: 'breakerOpen', service: 's', part: 'a:1', adopts: true, severity: 'error', weight: 1, fact: { at: 0, action: 'breaker.opened', metadata: {} }, ...more });
const make = (more: { count?: number; calmMs?: number; lasting?: boolean } = {}): Incident => new Incident(SUBJECT, { count: 1, windowMs: 60_000, calmMs: undefined, lasting: false, ...more });

/** Makes the call that is owed. */
function tell(incident: Incident, now: number): string | undefined {
  const call = incident.owes(now);
  if (call === undefined) return undefined;
  incident.begun(call, now);
  expect(incident.owes(now)).toBeUndefined();
  incident.told(now);
  return call;
}

test('it opens once, and resolves when all parts of it are over', () => {
  const incident = make();
  expect(incident.owes(0)).toBeUndefined();
  incident.raise(raise(), 0);
  incident.raise(raise({ part: 'b:1' }), 0);
  expect(tell(incident, 0)).toBe('trigger');
  expect(tell(incident, 0)).toBeUndefined();
  incident.calm('a:1', 1);
  expect(incident.owes(1)).toBeUndefined();
  incident.calm('b:1', 2);
  expect(tell(incident, 2)).toBe('resolve');
  expect(incident.isSettled()).toBe(true);
  expect([incident.isForgettable(300_001), incident.isForgettable(300_002)]).toEqual([false, true]);
});

test('it is told again when five minutes are over and its cause has repeated meanwhile; not for time alone', () => {
  const incident = make();
  incident.raise(raise(), 0);
  tell(incident, 0);
  expect(incident.dueAt(0)).toBe(Infinity);
  expect(incident.owes(300_000)).toBeUndefined();
  incident.raise(raise(), 10);
  expect(incident.dueAt(10)).toBe(300_000);
  expect(incident.owes(299_999)).toBeUndefined();
  expect(tell(incident, 300_000)).toBe('update');
  expect(incident.count).toBe(2);
});

test('raised again while its resolve is under way: that is told after it', () => {
  const incident = make();
  incident.raise(raise(), 0);
  tell(incident, 0);
  incident.calm('a:1', 1);
  incident.begun('resolve', 1);
  incident.raise(raise(), 2);
  expect(incident.owes(2)).toBeUndefined();
  incident.told(3);
  expect(tell(incident, 3)).toBe('trigger');
});

test('raised and over again while its resolve is under way: it opens once more, and is held', () => {
  const incident = make();
  incident.raise(raise(), 0);
  tell(incident, 0);
  incident.calm('a:1', 1);
  incident.begun('resolve', 1);
  incident.raise(raise(), 2);
  incident.calm('a:1', 3);
  incident.told(4);
  expect(tell(incident, 4)).toBe('trigger');
  expect([incident.owes(60_002), incident.owes(60_003)]).toEqual([undefined, 'resolve']);
});

test('a resolve that perhaps arrived: it is tried again, or opened again where it is raised', () => {
  const incident = make();
  incident.raise(raise(), 0);
  tell(incident, 0);
  incident.calm('a:1', 1);
  incident.begun('resolve', 1);
  incident.failed();
  expect(incident.owes(2)).toBe('resolve');
  incident.raise(raise(), 3);
  expect(tell(incident, 3)).toBe('trigger');
});

test('a trigger that failed is tried again, also where it is over meanwhile', () => {
  const incident = make();
  incident.raise(raise(), 0);
  incident.begun('trigger', 0);
  incident.calm('a:1', 1);
  incident.failed();
  expect(tell(incident, 2)).toBe('trigger');
  expect(tell(incident, 2)).toBe('resolve');
});

test('it ends by time where its rule says so, after the last happening', () => {
  const incident = make({ calmMs: 5_000 });
  incident.raise(raise(), 0);
  tell(incident, 0);
  incident.raise(raise(), 3_000);
  expect(incident.dueAt(3_000)).toBe(8_000);
  incident.tick(7_999);
  expect(incident.isRaised).toBe(true);
  incident.tick(8_000);
  expect(tell(incident, 8_000)).toBe('resolve');
});

test('it opens with as many happenings as its rule wants within the window, and counts them all', () => {
  const incident = make({ count: 3 });
  const at = (ms: number): Signal => raise({ fact: { at: ms, action: 'x', metadata: {} } });
  for (const ms of [0, 59_999, 60_000]) incident.raise(at(ms), 0);
  expect(incident.isRaised).toBe(false);
  incident.raise(at(60_001), 0);
  expect(incident).toMatchObject({ isRaised: true, count: 3, first: { at: 59_999 }, last: { at: 60_001 } });
});

test('refused: another try for another happening, three at once, then after five minutes', () => {
  const incident = make();
  incident.raise(raise(), 0);
  for (let tries = 0; tries < 3; tries++) {
    expect(incident.owes(0)).toBe('trigger');
    incident.begun('trigger', 0);
    incident.refused(REFUSED, 0);
    expect(incident.owes(0)).toBeUndefined();
    incident.raise(raise(), 0);
  }
  expect(incident.refusal).toBe(REFUSED);
  incident.raise(raise(), 299_999);
  expect(incident.owes(299_999)).toBeUndefined();
  incident.raise(raise(), 300_000);
  expect(tell(incident, 300_000)).toBe('trigger');
  expect(incident.refusal).toBeUndefined();
});

test('it becomes worse, and is told at once; it never becomes better while it lasts', () => {
  const incident = make();
  incident.raise(raise({ severity: 'warning' }), 0);
  tell(incident, 0);
  incident.raise(raise({ severity: 'critical' }), 1);
  expect(tell(incident, 1)).toBe('update');
  incident.raise(raise({ severity: 'info' }), 2);
  expect(incident.severity).toBe('critical');
  expect(incident.owes(2)).toBeUndefined();
  incident.calm('a:1', 3);
  tell(incident, 3);
  incident.raise(raise({ severity: 'info' }), 4);
  expect(incident.severity).toBe('info');
});

test('a cause that lasts is told again every five minutes: somebody else may have resolved it', () => {
  const incident = make({ lasting: true });
  incident.raise(raise(), 0);
  tell(incident, 0);
  expect([incident.dueAt(0), incident.owes(299_999)]).toEqual([300_000, undefined]);
  expect(tell(incident, 300_000)).toBe('update');
  expect(tell(incident, 600_000)).toBe('update');
  incident.calm('a:1', 600_001);
  expect(tell(incident, 600_001)).toBe('resolve');
  expect(incident.dueAt(600_001)).toBe(Infinity);
});

test('refused: also by time, for what is said only once', () => {
  const incident = make();
  incident.raise(raise(), 0);
  incident.begun('trigger', 0);
  incident.refused(REFUSED, 0);
  expect([incident.isUntold, incident.owes(299_999), incident.dueAt(0)]).toEqual([true, undefined, 300_000]);
  expect(tell(incident, 300_000)).toBe('trigger');
  expect([incident.isUntold, incident.refusal]).toEqual([false, undefined]);
});

test('a resolve that is refused is tried again by time; raised again meanwhile, it is open still', () => {
  const incident = make();
  incident.raise(raise(), 0);
  tell(incident, 0);
  incident.calm('a:1', 1);
  incident.begun('resolve', 1);
  incident.refused(REFUSED, 1);
  expect([incident.isOpen, incident.isSettled(), incident.owes(300_000), incident.dueAt(1)]).toEqual([true, false, undefined, 300_001]);
  incident.raise(raise(), 2);
  expect([incident.refusal, incident.owes(2)]).toEqual([undefined, undefined]);
  incident.calm('a:1', 3);
  expect(tell(incident, 3)).toBe('resolve');
});

test('over while its trigger is refused: nothing is left to be said, and the next is another incident', () => {
  const incident = make();
  incident.raise(raise(), 0);
  incident.begun('trigger', 0);
  incident.calm('a:1', 1);
  incident.refused(REFUSED, 2);
  expect([incident.owes(1e9), incident.isSettled(), incident.isUntold]).toEqual([undefined, true, false]);
  incident.raise(raise({ weight: 4 }), 3);
  expect([tell(incident, 3), incident.count]).toEqual(['trigger', 4]);
});

test('what becomes worse, and is refused, is told with the next', () => {
  const incident = make();
  incident.raise(raise({ severity: 'warning' }), 0);
  tell(incident, 0);
  incident.raise(raise({ severity: 'critical' }), 1);
  incident.begun('update', 1);
  incident.refused(REFUSED, 1);
  expect([incident.refusal, incident.owes(300_000), incident.dueAt(1)]).toEqual([undefined, undefined, 300_001]);
  expect(tell(incident, 300_001)).toBe('update');
});

test('an update that failed is made again at once', () => {
  const incident = make();
  incident.raise(raise(), 0);
  tell(incident, 0);
  incident.raise(raise(), 1);
  incident.begun('update', 300_000);
  incident.failed();
  expect(tell(incident, 300_001)).toBe('update');
});

test('where several happenings are wanted, those count that were over in between, and each part keeps it open', () => {
  const incident = make({ count: 3 });
  incident.raise(raise({ part: 'b:1' }), 0);
  incident.raise(raise(), 1);
  incident.calm('a:1', 2);
  incident.raise(raise(), 3);
  expect(tell(incident, 3)).toBe('trigger');
  incident.calm('a:1', 4);
  expect(incident.owes(4)).toBeUndefined();
  incident.calm('b:1', 5);
  expect(tell(incident, 5)).toBe('resolve');
});

test('once it ended by time, no part of it is remembered', () => {
  const incident = make({ calmMs: 1_000 });
  incident.raise(raise(), 0);
  tell(incident, 0);
  incident.tick(1_000);
  tell(incident, 1_000);
  incident.raise(raise({ part: 'b:1' }), 600_000);
  tell(incident, 600_000);
  incident.calm('b:1', 600_001);
  expect(tell(incident, 600_001)).toBe('resolve');
});

test('raised again while it is held open: it is told again, for somebody may have resolved it', () => {
  const incident = make();
  for (const at of [0, 10]) {
    incident.raise(raise(), at);
    tell(incident, at);
    incident.calm('a:1', at + 1);
    if (at === 0) tell(incident, 1);
  }
  incident.raise(raise(), 20);
  expect(incident.owes(20)).toBeUndefined();
  expect(tell(incident, 300_010)).toBe('update');
});

test('trouble that was over, and is back before anybody could be told, is one incident with the sum', () => {
  const incident = make();
  incident.raise(raise({ weight: 2 }), 0);
  incident.begun('trigger', 0);
  incident.calm('a:1', 1);
  incident.failed();
  incident.raise(raise({ weight: 3 }), 2);
  expect([tell(incident, 2), incident.count]).toEqual(['trigger', 5]);
});

test('at most 1,000 parts are told apart', () => {
  const incident = make();
  for (let part = 0; part < 1_500; part++) incident.raise(raise({ part: `${part}:1` }), 0);
  expect(incident.parts.size).toBe(1_000);
});

test('a trigger that perhaps arrived, and then is refused: it is resolved when it is over', () => {
  const incident = make();
  incident.raise(raise(), 0);
  incident.begun('trigger', 0);
  incident.failed();
  incident.begun('trigger', 1);
  incident.refused(REFUSED, 1);
  incident.calm('a:1', 2);
  expect(tell(incident, 2)).toBe('resolve');
});
