import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { ElasticsearchAdapter } from '../src/elasticsearch-adapter.js';
import type { ElasticsearchAdapterOptions } from '../src/elasticsearch-adapter-options.js';
import { ecsDocument } from '../src/ecs-document.js';
import { MAPPINGS } from '../src/index-template.js';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const page = read('../../../docs/adapters/elasticsearch.md');
/** Code in the first cells of a table's rows. */
const firstCells = (text: string): string[] => [...text.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell]) => [...(cell as string).matchAll(/`([^`]+)`/g)].map(([, code]) => code as string));

test('the README names every option, and no other', () => {
  const readme = read('../README.md');
  const table = readme.slice(readme.indexOf('## Options'), readme.indexOf('| member |'));
  let known = '';
  try {
    void new ElasticsearchAdapter({ nothing: 1 } as unknown as ElasticsearchAdapterOptions);
  } catch (error) {
    known = /known here: ([^;]+)/.exec((error as Error).message)?.[1] ?? '';
  }
  expect(firstCells(table).sort()).toEqual(known.split(', ').sort());
});

test('each field in the table of the page is mapped', () => {
  const section = page.slice(page.indexOf('| field |'), page.indexOf('What is not mapped'));
  const unmapped = firstCells(section).filter((field) => {
    let at: unknown = MAPPINGS;
    for (const name of field.split('.')) at = (at as { properties?: Record<string, unknown> } | undefined)?.properties?.[name];
    return at === undefined;
  });
  expect(unmapped).toEqual(['_id', 'mesh.metadata_json']);
});

test('the document on the page is that of the event', () => {
  const shown = JSON.parse(/```json\n([\s\S]+?)```/.exec(page)?.[1] ?? '') as Record<string, unknown>;
  const error = 'peer_untrusted: the peer\'s trust domain is evil.example, ours mesh.example';
  const event = {
    id: '019aa9c2-1f7e-7c3a-8f55-0b6d7c1a2e90', sequence: 42, timestamp: new Date('2026-11-23T10:15:30.123Z'), eventType: 'connection' as const, serviceId: 'orders',
    details: { action: 'auth.failed', success: false, messageCount: 1, error, metadata: { direction: 'inbound', address: '203.0.113.9:41822', reason: 'peer_untrusted' } },
  };
  expect(JSON.parse(JSON.stringify(ecsDocument(event)))).toEqual(shown);
});
