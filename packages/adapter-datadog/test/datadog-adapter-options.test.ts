import { Agent } from 'node:https';
import { expect, test } from '@jest/globals';
import type { MeshError } from '@lemur-bookstores/mesh-interface';
import { DATADOG_SITES, resolveDatadogOptions, type DatadogAdapterOptions } from '../src/datadog-adapter-options.js';
import { API_KEY } from './support/setting.js';

const resolve = (more: object): ReturnType<typeof resolveDatadogOptions> => resolveDatadogOptions({ apiKey: API_KEY, service: 'orders', ...more });

function problemsOf(options: unknown): readonly string[] {
  try {
    resolveDatadogOptions(options as DatadogAdapterOptions);
  } catch (error) {
    expect(error).toMatchObject({ reason: 'invalid_option' });
    return ((error as MeshError).details as { problems: readonly string[] }).problems;
  }
  return [];
}

test('defaults', () => {
  const { logsUrl, metricsUrl, tags, metrics, hostname, maxEventBytes, timeoutMs } = resolve({});
  expect([logsUrl.href, metricsUrl.href]).toEqual(['https://http-intake.logs.datadoghq.com/api/v2/logs', 'https://api.datadoghq.com/api/v2/series']);
  expect({ tags, metrics, hostname, maxEventBytes, timeoutMs }).toEqual({ tags: [], metrics: true, hostname: undefined, maxEventBytes: 1_000_000, timeoutMs: 10_000 });
});

test.each(DATADOG_SITES)('the site %s', (site) => {
  const { logsUrl, metricsUrl } = resolve({ site });
  expect([logsUrl.href, metricsUrl.href]).toEqual([`https://http-intake.logs.${site}/api/v2/logs`, `https://api.${site}/api/v2/series`]);
});

test('addresses of a proxy: with the path of the intake where they have none', () => {
  const { logsUrl, metricsUrl } = resolve({ logsUrl: 'https://pipelines.internal:8282', metricsUrl: new URL('http://127.0.0.1:9000/dd/series') });
  expect([logsUrl.href, metricsUrl.href]).toEqual(['https://pipelines.internal:8282/api/v2/logs', 'http://127.0.0.1:9000/dd/series']);
});

test('tags: by name or as texts, in the form that Datadog keeps them in, env first', () => {
  expect(resolve({ env: 'Prod EU', tags: { team: 'payments', version: '1.2.3', 'Größe': 'ÄB' } }).tags).toEqual(['env:prod_eu', 'team:payments', 'version:1.2.3', 'größe:äb']);
  expect(resolve({ tags: ['team:payments', 'url:https://x.example/a?b'] }).tags).toEqual(['team:payments', 'url:https://x.example/a_b']);
});

test('all problems at once, by path, none with the key in it', () => {
  const agent = { not: 'an agent' };
  const problems = problemsOf({
    apiKey: `${API_KEY}\n`, service: '', site: 'datadoghq.example', env: 1, tags: { a: 'b,c', 1: 'x', team: 7, host: 'h' }, hostname: '', metrics: 'yes', logsUrl: 'http://pipelines.internal',
    metricsUrl: 'https://user:pass@elsewhere.example', agent, ca: 'no pem', maxEventBytes: 100, timeoutMs: 0, logger: {}, clock: 1, apikey: 'typo',
  });
  expect(problems.map((problem) => problem.split(':')[0])).toEqual([
    'apikey', 'apiKey', 'service', 'site', 'env', 'hostname', 'metrics', 'agent', 'ca', 'maxEventBytes', 'timeoutMs', 'clock', 'logger',
    'tags.1', 'tags.a', 'tags.team', 'tags.host', 'logsUrl', 'metricsUrl']);
  expect(problems.join()).not.toContain(API_KEY);
  expect(problems.join()).not.toContain('pass@');
  expect(problems.find((problem) => problem.startsWith('site'))).toMatch(/us5\.datadoghq\.com.*logsUrl and metricsUrl/);
});

test.each([
  [undefined, ['options']],
  [{ service: 'orders' }, ['apiKey']],
  [{ apiKey: undefined, service: 'orders' }, ['apiKey']],
  [{ apiKey: '', service: 'orders' }, ['apiKey']],
  [{ apiKey: API_KEY }, ['service']],
  [{ apiKey: API_KEY, service: 'orders', tags: 'a:b' }, ['tags']],
  [{ apiKey: API_KEY, service: 'orders', tags: ['nocolon', 'a:', 'a:b'] }, ['tags[0]', 'tags[1]']],
  [{ apiKey: API_KEY, service: 'orders', tags: ['env:x', 'service:x', 'Host:x'] }, ['tags[0]', 'tags[1]', 'tags[2]']],
  [{ apiKey: API_KEY, service: 'orders', tags: Array.from({ length: 91 }, (_, index) => `t${index}:x`) }, ['tags']],
  [{ apiKey: API_KEY, service: 'orders', ca: [] }, ['ca']],
  [{ apiKey: API_KEY, service: 'orders', maxEventBytes: 10_000, tags: Array.from({ length: 30 }, (_, index) => `t${index}:${'x'.repeat(180)}`) }, ['tags']],
])('%j', (options, paths) => {
  const problems = problemsOf(options);
  expect(problems.map((problem) => problem.split(':')[0])).toEqual(expect.arrayContaining(paths));
});

test('an agent and a CA of the user', () => {
  const agent = new Agent();
  const ca = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  expect(resolve({ agent, ca }).agent).toBe(agent);
  expect(resolve({ ca: [ca, ca] }).ca).toEqual([ca, ca]);
});
