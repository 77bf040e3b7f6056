import { expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { ChangeNote } from '../src/change-note.js';

const fact = { at: 0, action: 'key.rotated', metadata: {} };

test('what comes while a call is under way is told with the next; what failed, too', () => {
  const note = new ChangeNote('orders', 'static');
  expect(note.owes()).toBeUndefined();
  note.add(fact);
  note.begun();
  note.add(fact);
  expect([note.owes(), note.count]).toEqual([undefined, 1]);
  note.failed();
  expect([note.owes(), note.count]).toEqual(['change', 2]);
  note.begun();
  note.told();
  expect([note.owes(), note.count]).toEqual([undefined, 0]);
});

test('what is refused is not told any more; the next is', () => {
  const note = new ChangeNote('orders', 'static');
  const refusal = new MeshError('sink_refused', 'no', { retryable: false });
  note.add(fact);
  note.begun();
  note.refused(refusal);
  expect([note.owes(), note.refusal]).toEqual([undefined, refusal]);
  note.add(fact);
  expect(note.owes()).toBe('change');
  note.begun();
  note.told();
  expect(note.refusal).toBeUndefined();
});
