import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, expect, test } from '@jest/globals';
import type { MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import ts from 'typescript';
import { ContractServerOf } from './support/contract-servers.js';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(`${packageFolder}/dist/readme-`);
afterAll(() => rmSync(folder, { recursive: true }));

test('the example of the README sends events, and tells a success from a page of a proxy', async () => {
  const [, example] = /```ts\n([\s\S]*?)```/.exec(readFileSync(`${packageFolder}/README.md`, 'utf8'))!;
  const file = `${folder}/webhook.mjs`;
  writeFileSync(file, ts.transpileModule(example!, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true } }).outputText);
  const { WebhookAdapter } = (await import(pathToFileURL(file).href)) as { WebhookAdapter: new (options: object) => MonitoringAdapter & { close(): Promise<void> } };
  const got: unknown[] = [];
  const server = await new ContractServerOf({ handle: ({ body, headers }) => (got.push([headers['x-token'], JSON.parse(body.toString())]), { status: 200, body: 'stored' }), refuse: (status) => ({ status }) }).start();
  const adapter = new WebhookAdapter({ url: server.url, token: 'webhook-token' });
  const event = { id: 'a', sequence: 1, timestamp: new Date(0), eventType: 'system', serviceId: 'orders', details: { action: 'system.start', success: true } } as const;
  await adapter.logEvent(event);
  expect(got).toEqual([['webhook-token', [JSON.parse(JSON.stringify(event))]]]);
  for (const [fault, expected] of [['garbage', { retryable: true }], ['401', { reason: 'sink_unauthenticated' }], ['503', { retryable: true }]] as const) {
    server.faults.failNext(fault);
    await expect(adapter.logEvent(event)).rejects.toMatchObject(expected);
  }
  expect(() => new WebhookAdapter({ url: 'http://elsewhere.example', token: undefined })).toThrow(/url: must be https.*; token: is missing/);
  await adapter.close();
  await server.stop();
});
