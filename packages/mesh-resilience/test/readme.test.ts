import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { completeCircuitBreaker } from '../src/breaker/circuit-breaker-options.js';
import { CHAIN_ORDER } from '../src/chain/resilience-chain.js';
import { completeConcurrencyLimit } from '../src/concurrency/concurrency-limit-options.js';
import * as everything from '../src/index.js';
import { completeRateLimiter } from '../src/rate/rate-limiter-options.js';
import { completeRetry } from '../src/retry/retry-options.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const guide = readFileSync(new URL('../../../docs/resilience.md', import.meta.url), 'utf8');

/** Names and defaults of the options that a part's table has. */
function documented(part: string): Map<string, string> {
  const section = readme.slice(readme.indexOf(`## \`new ${part}(options)\``)).split('\n## ')[0] ?? '';
  const table = /^\| option \| default \| \|\n\|---\|---\|---\|\n((?:\|.*\n)+)/m.exec(section)?.[1] ?? '';
  const rows = table.trim().split('\n').map((row) => row.split(' | '));
  return new Map(rows.flatMap(([names = '', value = '']) => [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [name, value] as const)));
}

/** The names that a part takes, by what it says of one that it does not. */
const taken = (problems: (options: object) => string[]): string[] => {
  const said = problems({ nothingOfTheKind: 1 }).find((problem) => problem.includes('is not an option'));
  return (/known here: (.*)$/.exec(said ?? '')?.[1] ?? '').split(', ');
};

const limits = { maxRequests: 1, windowMs: 1 };
const parts: [string, (options: object) => string[], object][] = [
  ['CircuitBreaker', everything.circuitBreakerProblems, completeCircuitBreaker()],
  ['Retry', everything.retryProblems, completeRetry()],
  ['RateLimiter', everything.rateLimitProblems, completeRateLimiter(limits)],
  ['ConcurrencyLimit', everything.concurrencyProblems, completeConcurrencyLimit()],
  ['DeadlinePropagation', everything.deadlineProblems, {}],
];

describe.each(parts)('the table of %s', (part, problems, settings) => {
  const table = documented(part);

  test('has its options, and no other', () => {
    expect([...table.keys()].sort()).toEqual(taken(problems).sort());
  });

  test('has their defaults', () => {
    for (const [name, value] of Object.entries(settings) as [string, unknown][]) {
      const said = table.get(name);
      if (typeof value === 'number' && said !== '5 × `timeout`') expect([name, said]).toEqual([name, value.toLocaleString('en')]);
      if (typeof value === 'string') expect([name, said]).toEqual([name, `\`'${value}'\``]);
    }
  });
});

test('the defaults that are objects are those that are documented', () => {
  expect(documented('Retry').get('budget')).toBe(`\`{ ratio: 0.2, burst: 10, minPerSecond: 0.5, windowMs: 10_000 }\``);
  expect(completeRetry().budget).toEqual({ ratio: 0.2, burst: 10, minPerSecond: 0.5, windowMs: 10_000 });
  expect(readme).toContain('`{ successRate: 0.8, minCalls: 5, windowMs: 10_000 }`');
  expect(completeCircuitBreaker({ strategy: {} }).strategy).toEqual({ successRate: 0.8, minCalls: 5, windowMs: 10_000 });
});

test('the README has everything that can be imported', () => {
  for (const name of Object.keys(everything)) expect(readme).toMatch(new RegExp(`\\b${name}\\b`));
});

test('the documentation has the order', () => {
  const section = guide.slice(guide.indexOf('## The order')).split('\n## ')[0] ?? '';
  const [calls, out] = section.split('\nA call out');
  const named = (text = ''): string[] => [...text.matchAll(/^\d+\. \*\*`(\w+)`\*\*/gm)].map(([, name = '']) => name);
  expect({ inbound: named(calls), outbound: named(out) }).toEqual(CHAIN_ORDER);
});

describe("the README's example", () => {
  const block = /^```js\nimport (\{[^}]+\}) from '@lemur-bookstores\/mesh-resilience';\nimport [^\n]+\n(.*?)^```$/ms.exec(readme)!;
  const AsyncFunction = async function () {}.constructor as new (...source: string[]) => (...values: unknown[]) => Promise<void>;
  const run = async (fetch: () => Promise<unknown>): Promise<unknown[]> => {
    const lines: unknown[] = [];
    await new AsyncFunction('all', 'MeshError', 'fetch', 'console', `const ${block[1]} = all;\n${block[2]}`)(everything, MeshError, fetch, { log: (line: unknown) => void lines.push(line) });
    return lines;
  };

  test('does what it says: tries again what may run twice, and what was refused', async () => {
    const answers = [new Error('ECONNRESET'), { status: 429, headers: new Map([['retry-after', '0']]) }, { status: 200, json: () => ({ price: 5 }) }];
    const fetch = async (): Promise<unknown> => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    };
    expect(await run(fetch)).toEqual([{ price: 5 }]);
    expect(answers).toEqual([]);
  });
});
