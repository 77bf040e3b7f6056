import * as jest from '@jest/globals';
import { expect, test } from '@jest/globals';
import type * as nodeTest from 'node:test';
import type { TestRunner } from '../src/test-runner.js';

/** The parts of Vitest's `TestAPI` and `SuiteAPI` that say how `it` and `describe` are called (vitest/dist, `@vitest/runner`). */
interface VitestContext {
  readonly task: object;
  readonly signal: AbortSignal;
  skip(note?: string): never;
}
interface VitestIt {
  (name: string | ((...args: never[]) => unknown), body?: (context: VitestContext) => Promise<unknown> | void, options?: number): void;
  (name: string | ((...args: never[]) => unknown), options?: { readonly timeout?: number }, body?: (context: VitestContext) => Promise<unknown> | void): void;
}
interface VitestDescribe {
  (name: string | ((...args: never[]) => unknown), body?: (test: VitestIt) => unknown, options?: number): object;
  (name: string | ((...args: never[]) => unknown), options?: { readonly timeout?: number }, body?: (test: VitestIt) => unknown): object;
}

/** Compiles where each runner's functions are a {@link TestRunner}. */
const asRunner = (runner: TestRunner): TestRunner => runner;
export const ofNode = ({ describe, it }: typeof nodeTest): TestRunner => asRunner({ describe, it });
export const ofVitest = (describe: VitestDescribe, it: VitestIt): TestRunner => asRunner({ describe, it });

test("Jest's globals are a runner", () => {
  const runner = asRunner({ describe: jest.describe, it: jest.it });
  expect(typeof runner.it).toBe('function');
});
