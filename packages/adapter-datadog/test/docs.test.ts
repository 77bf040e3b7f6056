import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { DatadogAdapter } from '../src/datadog-adapter.js';
import { resolveDatadogOptions, type DatadogAdapterOptions } from '../src/datadog-adapter-options.js';
import { DURATION_GAUGES } from '../src/datadog-metric-table.js';
import * as everything from '../src/index.js';
import { API_KEY } from './support/setting.js';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const readme = read('../README.md');
const guide = read('../../../docs/adapters/datadog.md');

test('the guide has every metric with its type, unit, tags and meaning, in order, and no other', () => {
  const rows = guide.split('\n').filter((line) => line.startsWith('| `mesh.') && /\| (gauge|count) \|/.test(line));
  const expected = everything.METRICS.map(({ name, type, unit, tags, help }) => {
    const isDurations = type === 'durations';
    return `| \`${isDurations ? `${name}.{${DURATION_GAUGES.join(',')}}` : name}\` | ${isDurations ? 'gauge' : type} | ${unit ?? ''} | ${tags.map((tag) => `\`${tag}\``).join(', ')} | ${help} |`;
  });
  expect(rows).toEqual([...expected, expect.stringContaining('`mesh.metrics.omitted_series`')]);
});

const pathsOf = (value: unknown, path: string): string[] =>
  typeof value !== 'object' || value === null || path === 'mesh.metadata' ? [path] : Object.entries(value).flatMap(([name, item]) => pathsOf(item, path === '' ? name : `${path}.${name}`));

test('the guide has every attribute of the golden files', () => {
  const files = readdirSync(new URL('golden/', import.meta.url)).filter((file) => file.endsWith('.json'));
  expect(files).toHaveLength(7);
  const paths = new Set(files.flatMap((file) => pathsOf(JSON.parse(read(`golden/${file}`)), '')));
  const rows = guide.split('\n').filter((line) => line.startsWith('| `')).map((line) => line.split('|')[1] ?? '');
  const documented = rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  for (const path of paths) expect(documented).toContain(path === 'mesh.metadata' ? 'mesh.metadata.*' : path);
});

test('the log that the guide shows is that of the golden file', () => {
  const [, example] = /```json\n([^]*?)```/.exec(guide) ?? [];
  expect(JSON.parse(example ?? '')).toEqual(JSON.parse(read('golden/connection.json')));
});

test('the monitor of the guide is JSON', () => {
  const [, monitor] = [...guide.matchAll(/```json\n([^]*?)```/g)].map(([, json]) => json);
  expect(JSON.parse(monitor ?? '')).toMatchObject({ type: 'log alert' });
});

test('the README has every option, every value that can be imported, and every reason', () => {
  const options = resolveDatadogOptions({ apiKey: API_KEY, service: 'orders' });
  for (const name of ['site', 'env', ...Object.keys(options), ...Object.keys(everything).filter((each) => each !== 'VERSION')]) expect(readme).toMatch(new RegExp(`\`(new )?${name}\\b`));
  for (const reason of ['invalid_option', 'adapter_failed', 'adapter_timeout', 'sink_unauthenticated', 'sink_refused', 'sink_too_large']) expect(readme).toContain(`| \`${reason}\` |`);
});

test("the adapter of the README's example can be made", () => {
  const [, options] = /new DatadogAdapter\((\{[^]*?\n {6}\})\)/.exec(readme) ?? [];
  expect(options).toContain('process.env.DD_API_KEY');
  const given = (new Function('process', `return ${options}`) as (process: object) => DatadogAdapterOptions)({ env: { DD_API_KEY: API_KEY } });
  expect(new DatadogAdapter(given).logMetrics).toBeInstanceOf(Function);
});
