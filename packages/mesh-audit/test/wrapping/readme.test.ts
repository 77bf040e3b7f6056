import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import * as audit from '../../src/index.js';

test('the README\'s example of wrapping adapters does what it says', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const section = readme.slice(readme.indexOf('## Wrapping adapters'));
  const block = /^```js\nimport (\{[^}]+\}) from '@lemur-bookstores\/mesh-audit';\n(.*?)^```$/ms.exec(section)!;
  const AsyncFunction = async function () {}.constructor as new (...source: string[]) => (...values: unknown[]) => Promise<void>;
  const lines: unknown[][] = [];
  await new AsyncFunction('mesh', 'console', `const ${block[1]} = mesh;\n${block[2]}`)(audit, { log: (...values: unknown[]) => lines.push(values) });
  expect(lines.map(([what]) => what).sort()).toEqual(['alert', 'log', 'metrics']);
  expect(lines).toContainEqual(['alert', expect.objectContaining({ rule: 'trouble', dedupKey: 'order-service/trouble/payment-service' })]);
  expect(lines).toContainEqual(['metrics', expect.objectContaining({ events: 1, groups: [expect.objectContaining({ action: 'session.failed', duration: expect.objectContaining({ p99: 12 }) })] })]);
});
