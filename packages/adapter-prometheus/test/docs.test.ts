import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import * as everything from '../src/index.js';
import { completeMetricsOptions } from '../src/metrics-adapter-options.js';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

test('docs/metrics.md has every metric with its type, labels and meaning, in order, and no other', () => {
  const rows = read('../../../docs/metrics.md').split('\n').filter((line) => /^\| `(rpc|mesh|nodejs)_/.test(line));
  expect(rows).toEqual(everything.METRICS.map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`));
});

test('docs/operations.md has every alert with its severity and runbook, in order, and no other', () => {
  const rows = [...read('../../../docs/operations.md').matchAll(/^\| `(Mesh\w+)` \| (\w+) \| [^|]+ \| \[[\w-]+\]\(runbooks\/([\w-]+\.md)\) \|$/gm)].map(([, ...cells]) => cells);
  const alerts = read('../rules/alerts.yml').split('- alert: ').slice(1).map((rule) => [/^\w+/, /severity: (\w+)/, /docs\/runbooks\/([\w-]+\.md)/].map((pattern) => pattern.exec(rule)?.at(-1)));
  expect(alerts.length).toBeGreaterThan(5);
  expect(rows).toEqual(alerts);
});

test('the README has every option, and every value that can be imported', () => {
  const readme = read('../README.md');
  const { target: _target, ...options } = completeMetricsOptions({});
  for (const name of ['destination', 'url', 'job', 'instance', ...Object.keys(options), ...Object.keys(everything)]) expect(readme).toMatch(new RegExp(`\`(new )?${name}\\b`));
});

test('names, units and help are as Prometheus and promtool want them', () => {
  for (const { name, type, help, labels } of everything.METRICS) {
    expect(name).toMatch(/^(mesh|rpc|nodejs)(_[a-z]+\d*)+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    expect(help).toMatch(/\.$/);
    for (const label of labels) expect(label).toMatch(/^[a-z]+(_[a-z]+)*$/);
  }
  expect(new Set(everything.METRICS.map(({ name }) => name)).size).toBe(everything.METRICS.length);
});
