import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ADAPTER_CASES } from '../src/adapter-cases.js';
import { KEY } from './right/subjects.js';
import { failuresOf, resultsOf } from './support/collecting-runner.js';
import { WRONG_WHEN_ABORTED } from './wrong/abort.js';
import { WRONG_BATCHES } from './wrong/batches.js';
import { WRONG_ERRORS } from './wrong/errors.js';
import { WRONG_WITH_HOSTILE_EVENTS } from './wrong/hostile-events.js';
import { WRONG_BESIDE_OTHERS } from './wrong/isolation.js';
import { leftBehind, WRONG_LIFE_CYCLES } from './wrong/life-cycle.js';
import { WRONG_MEMBERS } from './wrong/members.js';
import { WRONG_CONTENTS } from './wrong/order-and-content.js';
import { WRONG_WITH_SECRETS } from './wrong/secrets.js';
import { descriptionOf, type WrongAdapter } from './wrong/wrong-adapter.js';

const WRONG: readonly WrongAdapter[] = [
  ...WRONG_MEMBERS,
  ...WRONG_LIFE_CYCLES,
  ...WRONG_CONTENTS,
  ...WRONG_WITH_HOSTILE_EVENTS,
  ...WRONG_BATCHES,
  ...WRONG_WHEN_ABORTED,
  ...WRONG_ERRORS,
  ...WRONG_BESIDE_OTHERS,
  ...WRONG_WITH_SECRETS,
];

const clearLeftovers = (): void => {
  for (const clear of leftBehind.splice(0)) clear();
};

// One of them prints its key: that is for the kit to see.
beforeEach(() => {
  const { stderr } = process;
  const write = stderr.write.bind(stderr);
  jest.spyOn(stderr, 'write').mockImplementation((text) => String(text).includes(JSON.stringify(KEY)) || write(text));
});

afterEach(() => {
  jest.restoreAllMocks();
});

describe('an adapter that', () => {
  test.each(WRONG.map((wrong) => [wrong.it, wrong.fails, wrong] as const))('%s is failed by %s, and by nothing else', async (_it, fails, wrong) => {
    const failures = failuresOf(await resultsOf(descriptionOf(wrong), clearLeftovers));
    expect(failures).toEqual({ [fails]: expect.any(String) });
  });
});

test('every case has an adapter that it fails', () => {
  const found = new Set(WRONG.map(({ fails }) => fails));
  expect(ADAPTER_CASES.map(({ name }) => name).filter((name) => !found.has(name))).toEqual([]);
});
