import * as jest from '@jest/globals';
import { expect, test } from '@jest/globals';
import type { TestRunner } from '../src/test-runner.js';

test("Jest's globals are a runner", () => {
  const runner: TestRunner = { describe: jest.describe, it: jest.it };
  expect(typeof runner.it).toBe('function');
});
