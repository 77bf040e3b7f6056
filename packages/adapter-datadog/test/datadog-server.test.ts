import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { API_KEY, serverWith } from './support/setting.js';
import type { DatadogServer } from './support/datadog-server.js';

const NOW = Date.UTC(2026, 10, 26, 12);
const HOUR_MS = 3_600_000;
const log = { message: 'hello', ddsource: 'test', ddtags: 'env:test', hostname: 'h', service: 's', event: { id: 'a' } };
const gauge = { metric: 'mesh.sessions', type: 3, points: [{ timestamp: NOW / 1_000, value: 1 }], resources: [{ type: 'host', name: 'h' }], tags: ['env:test'] };

async function post(server: DatadogServer, path: 'logs' | 'series', body: unknown, headers: Record<string, string | undefined> = {}): Promise<[number, unknown]> {
  const given = Object.entries({ 'dd-api-key': API_KEY, 'content-type': 'application/json', 'content-encoding': 'gzip', ...headers }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await fetch(`${server.url}/api/v2/${path}`, { method: 'POST', headers: given, body: gzipSync(text, { level: 1 }) });
  return [answer.status, await answer.json()];
}

const structured = (status: number, title: string, detail: string): [number, unknown] => [status, { errors: [{ status: String(status), title, detail }] }];

test('takes logs, and says so', async () => {
  const server = await serverWith({ now: () => NOW });
  expect(await post(server, 'logs', [log, { ...log, event: { id: 'b' } }])).toEqual([202, {}]);
  expect(await post(server, 'logs', log)).toEqual([202, {}]);
  expect([...server.ids]).toEqual([['a', 2], ['b', 1]]);
  expect(server.logs[0]).toEqual(log);
});

test('keys, content, paths', async () => {
  const server = await serverWith();
  expect(await post(server, 'logs', [log], { 'dd-api-key': undefined })).toEqual(structured(401, 'Unauthorized', 'API key is missing'));
  expect(await post(server, 'logs', [log], { 'dd-api-key': 'x' })).toEqual(structured(403, 'Forbidden', 'API key is invalid'));
  expect(await post(server, 'series', { series: [gauge] }, { 'dd-api-key': undefined })).toEqual([403, { errors: ['Forbidden'] }]);
  expect(await post(server, 'series', { series: [gauge] }, { 'dd-api-key': 'x' })).toEqual([403, { errors: ['Forbidden'] }]);
  expect(await post(server, 'logs', [log], { 'content-type': 'text/plain' })).toEqual(structured(415, 'Unsupported Media Type', 'application/json is expected'));
  expect(await post(server, 'logs', '[{')).toEqual(structured(400, 'Bad Request', 'Invalid JSON'));
  expect(await post(server, 'logs', [log], { 'content-encoding': undefined })).toEqual(structured(400, 'Bad Request', 'Invalid JSON'));
  expect((await fetch(`${server.url}/api/v1/logs`, { method: 'POST' })).status).toBe(404);
  expect((await fetch(server.logsUrl)).status).toBe(405);
  expect(server.logs).toEqual([]);
});

test('faults are said as the intake that they meet says them', async () => {
  const server = await serverWith();
  server.faults.failNext('429', { count: 2 });
  expect(await post(server, 'logs', [log])).toEqual([429, { errors: [{ status: '429', title: 'Too Many Requests' }] }]);
  expect(await post(server, 'series', { series: [gauge] })).toEqual([429, { errors: ['Too Many Requests'] }]);
});

test.each([
  ['no message', { ddsource: 'x' }],
  ['tags as a list', { ...log, ddtags: ['a:b'] }],
  ['a host that is no text', { ...log, hostname: 1 }],
  ['a status that is none', { ...log, status: 'loud' }],
  ['no object', 'hello'],
])('refuses a log with %s, and what came with it', async (_what, wrong) => {
  const server = await serverWith();
  expect((await post(server, 'logs', [log, wrong]))[0]).toBe(400);
  expect(server.ids.size).toBe(0);
});

test('limits of logs', async () => {
  const server = await serverWith({ now: () => NOW });
  const long = (length: number): object => ({ ...log, message: 'x'.repeat(length) });
  expect((await post(server, 'logs', Array.from({ length: 1_000 }, () => log)))[0]).toBe(202);
  expect((await post(server, 'logs', Array.from({ length: 1_001 }, () => log)))[0]).toBe(413);
  expect((await post(server, 'logs', Array.from({ length: 6 }, () => long(900_000))))[0]).toBe(413);
  expect(server.losses['truncated']).toBe(0);
  expect(await post(server, 'logs', [long(1_100_000)])).toEqual([202, {}]);
  expect(server.losses['truncated']).toBe(1);
  expect(server.logs.at(-1)?.message).toHaveLength(1_000_000);
});

test('what is taken and lost: times, tags, attributes', async () => {
  const server = await serverWith({ now: () => NOW });
  const at = (timestamp: unknown): object => ({ ...log, timestamp });
  await post(server, 'logs', [at(NOW - 17.9 * HOUR_MS), at(new Date(NOW + 1.9 * HOUR_MS).toISOString())]);
  expect(server.losses).toMatchObject({ late: 0, ahead: 0 });
  await post(server, 'logs', [at(NOW - 18.1 * HOUR_MS), at(new Date(NOW + 2.1 * HOUR_MS).toISOString()), at(NOW)]);
  expect(server.losses).toMatchObject({ late: 1, ahead: 1, tags: 0, attributes: 0 });
  expect(server.logs).toHaveLength(3);
  await post(server, 'logs', ['Env:x', '1a:x', 'a:b c', 'a:', `a:${'x'.repeat(200)}`].map((ddtags) => ({ ...log, ddtags })));
  await post(server, 'logs', [{ ...log, ddtags: Array.from({ length: 101 }, (_, index) => `t${index}:x`).join() }]);
  expect(server.losses['tags']).toBe(6);
  await post(server, 'logs', [{ ...log, all: Array.from({ length: 300 }, () => 1) }]);
  expect(server.losses['attributes']).toBe(1);
});

test('takes series, and sums counts', async () => {
  const server = await serverWith({ now: () => NOW });
  const count = { ...gauge, metric: 'mesh.calls', type: 1, interval: 10, tags: ['peer:a'], unit: 'call' };
  expect(await post(server, 'series', { series: [gauge, count, { ...count, tags: ['peer:b'] }] })).toEqual([202, { errors: [] }]);
  expect(server.sumOf('mesh.calls')).toBe(2);
  expect(server.pointsOf('mesh.calls', 'peer:b')).toEqual([{ metric: 'mesh.calls', type: 1, interval: 10, tags: ['peer:b'], host: 'h', unit: 'call', timestamp: NOW / 1_000, value: 1 }]);
});

test.each([
  ['an unknown type', { type: 4 }],
  ['a count without interval', { type: 1 }],
  ['a rate with half a second', { type: 2, interval: 0.5 }],
  ['no points', { points: [] }],
  ['a time in ms', { points: [{ timestamp: NOW, value: 1 }] }],
  ['a broken time', { points: [{ timestamp: 0.5, value: 1 }] }],
  ['a value that is a text', { points: [{ timestamp: NOW / 1_000, value: '1' }] }],
  ['a name with a dash', { metric: 'mesh-calls' }],
  ['no name', { metric: undefined }],
  ['tags in one text', { tags: 'a:b' }],
  ['the host as a field', { host: 'h' }],
  ['a resource without type', { resources: [{ name: 'h' }] }],
])('refuses a series with %s', async (_what, wrong) => {
  const server = await serverWith({ now: () => NOW });
  const [status, answer] = await post(server, 'series', { series: [gauge, { ...gauge, ...wrong }] });
  expect([status, answer]).toEqual([400, { errors: [expect.stringContaining('series[1]')] }]);
  expect(server.points).toEqual([]);
});

test('limits of series, and points of another time', async () => {
  const server = await serverWith({ now: () => NOW });
  const many = (count: number, tag: () => string): object => ({ series: Array.from({ length: count }, () => ({ ...gauge, tags: [tag()] })) });
  expect(await post(server, 'series', many(40_000, () => 'a:b'))).toEqual([413, { errors: ['Payload too big'] }]);
  // Little is gained by packing what is by chance.
  expect((await post(server, 'series', many(10_000, () => `a:${Array.from({ length: 10 }, () => Math.random().toString(36).slice(2)).join('')}`)))[0]).toBe(413);
  const at = (ms: number): object => ({ ...gauge, points: [{ timestamp: Math.round((NOW + ms) / 1_000), value: 1 }] });
  expect((await post(server, 'series', { series: [at(0), at(-0.9 * HOUR_MS), at(-1.1 * HOUR_MS), at(HOUR_MS / 7), at(HOUR_MS / 5)] }))[0]).toBe(202);
  expect(server.points).toHaveLength(3);
  expect(server.losses).toMatchObject({ latePoints: 1, aheadPoints: 1 });
});
