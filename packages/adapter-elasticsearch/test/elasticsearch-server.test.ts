import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ElasticsearchServer, startElasticsearch } from './support/elasticsearch-server.js';

// What these tests take for granted of the server that they are given.
let server: ElasticsearchServer;
beforeAll(async () => (server = await startElasticsearch()), 150_000);
afterAll(() => server.stop());

const create = async (id: string): Promise<number> => {
  const body = `{"create":{"_id":"${id}"}}\n{"@timestamp":"2026-01-01T00:00:00Z"}\n`;
  const answer = await fetch(`${server.url}/mesh-restart/_bulk`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body });
  return ((await answer.json()) as { items: { create: { status: number } }[] }).items[0]!.create.status;
};

test('a real Elasticsearch has what it acknowledged when it was killed and started again', async () => {
  expect(await create('a')).toBe(201);
  const { pid } = server;
  await server.restart();
  expect(server.pid).not.toBe(pid);
  expect(await create('a')).toBe(409);
  expect(await create('b')).toBe(201);
}, 150_000);

test('a real Elasticsearch that is stopped leaves neither a process nor a file', async () => {
  await server.stop();
  expect(() => process.kill(server.pid, 0)).toThrow('ESRCH');
  expect(existsSync(server.folder)).toBe(false);
});
