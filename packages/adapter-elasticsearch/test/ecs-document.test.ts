import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { AUDIT_ACTIONS, AUDIT_EVENT_TYPES, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { ecsDocument } from '../src/ecs-document.js';
import { eventOfDocument } from '../src/stored-event.js';
import { MAPPINGS } from '../src/index-template.js';
import { anyEvent } from './support/any-event.js';

const folder = new URL('golden/', import.meta.url);
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
const eventIn = (name: string): MeshAuditEvent => {
  const event = read(name) as MeshAuditEvent;
  return { ...event, timestamp: new Date(event.timestamp) };
};
const names = readdirSync(folder).filter((name) => name.endsWith('.event.json'));

/** https://www.elastic.co/guide/en/ecs/8.17/ecs-category-field-values-reference.html */
const CATEGORIES = 'api authentication configuration database driver email file host iam intrusion_detection library malware network package process registry session threat vulnerability web'.split(' ');
const TYPES = 'access admin allowed change connection creation deletion denied device end error group indicator info installation protocol start user'.split(' ');
const KINDS = 'alert asset enrichment event metric state pipeline_error signal'.split(' ');

test('there is a golden file for each type of event', () => {
  expect(new Set(names.map((name) => eventIn(name).eventType))).toEqual(new Set(AUDIT_EVENT_TYPES));
});

describe.each(names)('%s', (name) => {
  test('has this document', () => {
    expect(JSON.parse(JSON.stringify(ecsDocument(eventIn(name))))).toEqual(read(name.replace('.event.', '.document.')));
  });

  test('is what its document gives back', () => {
    expect(eventOfDocument(JSON.parse(JSON.stringify(ecsDocument(eventIn(name)))), name)).toEqual(eventIn(name));
  });
});

test('every action of a mesh has values that ECS allows, whether it succeeded or not', () => {
  for (const [action, eventType] of Object.entries(AUDIT_ACTIONS)) {
    for (const success of [true, false]) {
      const { event } = ecsDocument({ ...eventIn(names[0] as string), eventType, details: { action, success } }) as { event: { kind: string; category: string[]; type: string[]; outcome: string } };
      expect(KINDS).toContain(event.kind);
      expect(['success', 'failure', 'unknown']).toContain(event.outcome);
      expect(event.category.filter((each) => !CATEGORIES.includes(each))).toEqual([]);
      expect(event.type.filter((each) => !TYPES.includes(each))).toEqual([]);
    }
  }
});

test.each([
  ['10.1.7.4:50812', { address: '10.1.7.4:50812', ip: '10.1.7.4', port: 50812 }],
  ['[2001:db8::1]:443', { address: '[2001:db8::1]:443', ip: '2001:db8::1', port: 443 }],
  ['::1:50812', { address: '::1:50812', ip: '::1', port: 50812 }],
  ['fe80::1%eth0:50812', { address: 'fe80::1%eth0:50812', ip: 'fe80::1', port: 50812 }],
  ['10.1.7.4', { address: '10.1.7.4', ip: '10.1.7.4' }],
  ['2001:db8::1', { address: '2001:db8::1', ip: '2001:db8::1' }],
  ['payments.internal:50051', { address: 'payments.internal:50051', port: 50051 }],
  ['unknown:0', { address: 'unknown:0', port: 0 }],
  ['nowhere:99999', { address: 'nowhere:99999' }],
])('the other end %s is %j', (address, expected) => {
  const { source } = ecsDocument({ ...eventIn(names[0] as string), details: { action: 'x', success: true, metadata: { direction: 'inbound', address } } }) as { source: unknown };
  expect(source).toEqual(expected);
});

test('any event comes back from its document as JSON has it', () => {
  fc.assert(fc.property(anyEvent, (event) => {
    expect(JSON.parse(JSON.stringify(eventOfDocument(JSON.parse(JSON.stringify(ecsDocument(event))), 'x')))).toEqual(JSON.parse(JSON.stringify(event)));
  }), { numRuns: 300 });
});

test.each([
  ['no object', 7, 'it has no source'],
  ['no event', { '@timestamp': '2026-01-01', mesh: {} }, 'it has no event'],
  ['no time', { event: {}, mesh: {} }, '@timestamp is no date'],
  ['another type', { '@timestamp': '2026-01-01T00:00:00Z', event: {}, mesh: { event_type: 'login' } }, 'mesh.event_type is none that there is'],
  ['no outcome', { '@timestamp': '2026-01-01T00:00:00Z', event: {}, mesh: { event_type: 'error' } }, 'mesh.success is neither true nor false'],
  ['no id', { '@timestamp': '2026-01-01T00:00:00Z', event: {}, mesh: { event_type: 'error', success: true } }, 'event.id is no text'],
])('a document with %s is an error that names it', (_what, source, what) => {
  expect(() => eventOfDocument(source, 'mesh-audit/_doc/17')).toThrow(`the document mesh-audit/_doc/17 is no audit event of ours: ${what}`);
});

test('each field of the golden documents is mapped, but for what is kept as text', () => {
  const mapped = (properties: Record<string, { properties?: Record<string, never>; type?: string }>, document: Record<string, unknown>, path: string): string[] =>
    Object.entries(document).flatMap(([key, value]) => {
      const field = properties[key];
      if (field === undefined) return [`${path}${key}`];
      return field.properties === undefined ? [] : mapped(field.properties, value as Record<string, unknown>, `${path}${key}.`);
    });
  const unmapped = names.flatMap((name) => mapped(MAPPINGS['properties'] as never, read(name.replace('.event.', '.document.')) as Record<string, unknown>, ''));
  expect(unmapped.filter((field) => field !== 'mesh.metadata_json')).toEqual([]);
});
