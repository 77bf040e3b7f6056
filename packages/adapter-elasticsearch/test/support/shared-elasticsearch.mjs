// Jest's global setup and teardown: one real Elasticsearch for all suites of a run that need one without options, told them in ELASTICSEARCH_URL.
import { readdirSync, readFileSync } from 'node:fs';
import { elasticsearchUrl, missingElasticsearch, startElasticsearch } from '../../../../tools/services/elasticsearch.mjs';

const SIGN = 'support/real-elasticsearch.js';
let server;

/** @param {{ nonFlagArgs?: readonly string[] }} config which suites are to run, by parts of their names; none: all */
export async function setup({ nonFlagArgs: parts = [] }) {
  if (elasticsearchUrl() !== undefined || missingElasticsearch() !== undefined) return;
  const folder = new URL('../', import.meta.url);
  const isAsked = (file) => parts.length === 0 || parts.some((part) => file.includes(part) || part.includes(file));
  const needs = readdirSync(folder).some((file) => file.endsWith('.test.ts') && isAsked(file) && readFileSync(new URL(file, folder), 'utf8').includes(SIGN));
  if (!needs) return;
  server = await startElasticsearch();
  process.env.ELASTICSEARCH_URL = server.url;
  process.env.MESH_SHARED_ELASTICSEARCH = server.url;
}

export async function teardown() {
  if (server === undefined) return;
  delete process.env.ELASTICSEARCH_URL;
  delete process.env.MESH_SHARED_ELASTICSEARCH;
  await server.stop();
}
