import { expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { BatchOutcomes } from '../src/batch-outcomes.js';

const refusal = new MeshError('sink_refused', 'no', { retryable: false });

test('remembers what became of each event until it is settled', () => {
  const outcomes = new BatchOutcomes();
  outcomes.stored('a');
  outcomes.refused('b', refusal);
  expect(['a', 'b', 'c'].map((id) => outcomes.of(id))).toEqual(['stored', refusal, undefined]);
  outcomes.settle(['a', 'c']);
  expect(['a', 'b'].map((id) => outcomes.of(id))).toEqual([undefined, refusal]);
  expect(outcomes.size).toBe(1);
});

test('the last word counts', () => {
  const outcomes = new BatchOutcomes();
  outcomes.refused('a', refusal);
  outcomes.stored('a');
  expect(outcomes.of('a')).toBe('stored');
  expect(outcomes.size).toBe(1);
});

test('is bounded: the oldest go first, what is said again is young again', () => {
  const outcomes = new BatchOutcomes(3);
  for (const id of ['a', 'b', 'c', 'a', 'd']) outcomes.stored(id);
  expect(['a', 'b', 'c', 'd'].map((id) => outcomes.of(id))).toEqual(['stored', undefined, 'stored', 'stored']);
  outcomes.stored('d');
  outcomes.stored('d');
  expect(outcomes.of('c')).toBe('stored');
  for (let index = 0; index < 1_000; index++) outcomes.stored(String(index));
  expect(outcomes.size).toBe(3);
});
