import { expect, test } from '@jest/globals';
import { completeAlertingOptions } from '../src/alerting-options.js';
import { IncidentBook } from '../src/incident-book.js';
import type { Incident } from '../src/incident.js';
import type { Signal } from '../src/rules.js';

const { rules } = completeAlertingOptions({ integrationKey: 'c0ffee00c0ffee00c0ffee00c0ffee00' });
const signal = (level: Signal['level'], target: string, more: Partial<Signal> = {}): Signal =>
  ({ level, rule: 'breakerOpen', service: 's', target, part: 'a:1', adopts: true, severity: 'error', weight: 1, fact: { at: 0, action: 'breaker.opened', metadata: {} }, ...more });

function makeBook(table = rules): { readonly book: IncidentBook; readonly forgotten: string[] } {
  const forgotten: string[] = [];
  return { book: new IncidentBook({ rules: table, environment: 'test', instance: undefined, onForgotten: ({ key }) => forgotten.push(key) }), forgotten };
}

function tell(incident: Incident | undefined, now: number): void {
  for (let call = incident!.owes(now); call !== undefined; call = incident!.owes(now)) {
    incident!.begun(call, now);
    incident!.told(now);
  }
}

const raised = (book: IncidentBook, count: number): Incident[] => Array.from({ length: count }, (_, index) => book.apply(signal('raise', `t${index}`), 0)!);

test('an end of what was never open here resolves that of a process before, once; session keys end with their process', () => {
  const { book } = makeBook();
  const adopted = book.apply(signal('calm', 't'), 0);
  expect(adopted?.owes(0)).toBe('resolve');
  tell(adopted, 0);
  expect(book.apply(signal('calm', 't'), 1)?.owes(1)).toBeUndefined();
  book.sweep(1e9);
  expect(book.apply(signal('calm', 't'), 1e9)).toBeUndefined();
  expect(book.apply(signal('calm', 'session:payments', { rule: 'rotationFailed', adopts: false }), 0)).toBeUndefined();
  expect([...book.incidents]).toEqual([]);
});

test('a full book makes room: first of all that is over for long, else of one that is over', () => {
  const { book, forgotten } = makeBook();
  const incidents = raised(book, 1_000);
  for (const incident of incidents) tell(incident, 0);
  for (const target of ['t3', 't4', 't5']) tell(book.apply(signal('calm', target), 1), 1);
  expect(book.apply(signal('raise', 'one'), 2)?.key).toBe('mesh/test/s/breakerOpen/one');
  expect(forgotten).toEqual(['mesh/test/s/breakerOpen/t3']);
  expect(book.apply(signal('raise', 'two'), 400_000)?.key).toBe('mesh/test/s/breakerOpen/two');
  expect(forgotten).toEqual([3, 4, 5].map((index) => `mesh/test/s/breakerOpen/t${index}`));
  expect([...book.incidents]).toHaveLength(999);
});

test('what finds no room shares an incident, which needs as many happenings as any', () => {
  const { book } = makeBook();
  for (const incident of raised(book, 1_000)) tell(incident, 0);
  const error = (target: string): Signal => signal('raise', target, { rule: 'errorBurst', part: '' });
  const others = [0, 1, 2, 3].map((index) => book.apply(error(`p${index}`), 0));
  expect(new Set(others.map((incident) => incident?.key))).toEqual(new Set(['mesh/test/s/errorBurst/_OTHER']));
  expect(others[0]?.owes(0)).toBeUndefined();
  expect(book.apply(error('p4'), 0)?.owes(0)).toBe('trigger');
});

test('one that is open is never taken for that of a process before, however many others there were', () => {
  const { book } = makeBook();
  const open = book.apply(signal('raise', 'open', { part: 'a:1' }), 0);
  book.apply(signal('raise', 'open', { part: 'b:1' }), 0);
  tell(open, 0);
  for (let index = 0; index < 11_000; index++) tell(book.apply(signal('calm', `t${index}`), 1), 1);
  book.apply(signal('calm', 'open', { part: 'a:1' }), 2);
  expect([open?.isRaised, open?.owes(2)]).toEqual([true, undefined]);
});

test('what may become an incident yet is not swept away; when its window is over it is', () => {
  const { book, forgotten } = makeBook();
  const error = signal('raise', 'p', { rule: 'errorBurst', part: '' });
  for (let count = 0; count < 4; count++) book.apply(error, 0);
  book.sweep(59_999);
  expect(book.apply(error, 59_999)?.owes(59_999)).toBe('trigger');
  book.apply(signal('raise', 'q', { rule: 'errorBurst', part: '' }), 60_000);
  book.sweep(119_999);
  expect(forgotten).toEqual([]);
  book.sweep(120_000);
  expect(forgotten).toEqual(['mesh/test/s/errorBurst/q']);
});

test('where a process begins, what one before had of the same service is over, but for what ends by time', () => {
  const { book } = makeBook();
  const open = [signal('raise', 'a'), signal('raise', 'b', { service: 'other' }), signal('raise', 'p', { rule: 'rateLimited', part: '' }), signal('raise', 'k', { rule: 'rotationFailed' })].map((each) => book.apply(each, 0)!);
  for (const incident of open) tell(incident, 0);
  expect(book.restarted('s', 1).map(({ key }) => key)).toEqual(['mesh/test/s/breakerOpen/a', 'mesh/test/s/rotationFailed/k']);
  expect(open.map((incident) => incident.owes(1))).toEqual(['resolve', undefined, undefined, 'resolve']);
});

test('what a process before may have left is inherited once, and not where this one has had it', () => {
  const { book } = makeBook();
  const raised = book.apply(signal('raise', 'a'), 0);
  expect(book.inherit({ rule: 'breakerOpen', service: 's', target: 'a' }, 1)).toBeUndefined();
  expect(raised?.isRaised).toBe(true);
  const inherited = book.inherit({ rule: 'health', service: 's' }, 1);
  expect([inherited?.key, inherited?.owes(1)]).toEqual(['mesh/test/s/health', 'resolve']);
  expect(book.inherit({ rule: 'health', service: 's' }, 2)).toBeUndefined();
});

test('what has not become an incident here may still be one of a process before', () => {
  const { book } = makeBook({ ...rules, breakerOpen: { ...rules.breakerOpen!, count: 2 } });
  expect(book.apply(signal('raise', 'a'), 0)?.owes(0)).toBeUndefined();
  expect(book.apply(signal('calm', 'a'), 1)?.owes(1)).toBe('resolve');
});
