import { expect, test } from '@jest/globals';
import { CallBudget } from '../src/call-budget.js';

test('120 calls within any 60 s, each counted until 60 s after its end', () => {
  const budget = new CallBudget();
  for (let call = 0; call < 119; call++) {
    budget.begin();
    budget.end(call);
  }
  expect(budget.isFree(200)).toBe(true);
  budget.begin();
  expect(budget.isFree(200)).toBe(false);
  expect(budget.freeAt(200)).toBe(60_000);
  expect([budget.isFree(59_999), budget.isFree(60_000)]).toEqual([false, true]);
  budget.end(60_000);
  expect(budget.freeAt(60_001)).toBe(60_001);
});

test('calls under way take their place for as long as they last', () => {
  const budget = new CallBudget();
  for (let call = 0; call < 120; call++) budget.begin();
  expect(budget.isFree(1e9)).toBe(false);
  expect(budget.freeAt(1e9)).toBe(Infinity);
  budget.end(1e9);
  expect([budget.freeAt(1e9), budget.isFree(1e9 + 60_000)]).toEqual([1e9 + 60_000, true]);
});
