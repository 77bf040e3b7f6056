import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { AUDIT_ACTIONS } from '@lemur-bookstores/mesh-interface';
import { documentedEvents, headings } from './support/audit-events-doc.js';

const root = new URL('../../../', import.meta.url);
const events = documentedEvents(root);

/** Look like actions and are none of ours: the path of an option, the name of a file. */
const NO_ACTIONS = new Set(['identity.local', 'key.pem', 'auth.username', 'auth.password']);

/** The text of every source file, but for the table itself. */
function sources(): Map<string, string> {
  const texts = new Map<string, string>();
  for (const name of readdirSync(new URL('packages/', root))) {
    const directory = new URL(`packages/${name}/src/`, root);
    for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      if (file.endsWith('.ts') && file !== 'audit-actions.ts') texts.set(`${name}/src/${file}`, readFileSync(new URL(file, directory), 'utf8'));
    }
  }
  return texts;
}

describe('docs/audit-events.md', () => {
  test('has exactly one entry for every action, under its type of event', () => {
    expect(events.map(({ action }) => action)).toEqual([...new Set(events.map(({ action }) => action))]);
    expect(Object.fromEntries(events.map(({ action, eventType }) => [action, eventType]))).toEqual(AUDIT_ACTIONS);
  });

  test('has no heading that is not such an entry', () => {
    expect(headings(root)).toHaveLength(events.length);
  });

  test.each(events.map((event) => [event.action, event] as const))('%s: its example has what the entry says, and nothing else', (action, { at, success, metadata, onlyOf, counted, hasDuration, example }) => {
    const { metadata: shown = {}, ...details } = example as { metadata?: Record<string, unknown> };
    const end = (shown['direction'] === 'inbound' || !at.includes('dialler')) ? 'acceptor' : 'dialler';
    expect(Object.keys(shown).sort()).toEqual(metadata.filter((name) => onlyOf[name] === undefined || onlyOf[name] === shown['keyType']).sort());
    expect(Object.keys(details).sort()).toEqual(
      ['action', 'success', ...(hasDuration[end] ? ['duration'] : []), ...(counted ? ['messageCount'] : []), ...(success === 'false' ? ['error'] : [])].sort(),
    );
    expect(details).toMatchObject({ action, success: success === 'true' });
    expect(at.every((where) => ['dialler', 'acceptor', 'each'].includes(where))).toBe(true);
    if (at.length === 1 && at[0] !== 'each' && metadata.includes('direction')) expect(shown['direction']).toBe(at[0] === 'dialler' ? 'outbound' : 'inbound');
    if (success === 'false') expect(details).toMatchObject({ error: expect.stringMatching(/^[a-z_]+: ./) });
    if (shown['reason'] !== undefined) expect((details as { error?: string }).error).toMatch(new RegExp(`^${String(shown['reason'])}: `));
  });
});

describe('the sources of all packages', () => {
  test('are found', () => {
    expect([...sources().keys()]).toEqual(expect.arrayContaining(['mesh-core/src/session/connection-journal.ts', 'secure-stack-mesh/src/secure-mesh.ts']));
  });

  test('emit every action of the table', () => {
    const all = [...sources().values()].join('\n');
    // As the name of a member it only says how to show it.
    expect(Object.keys(AUDIT_ACTIONS).filter((action) => !new RegExp(`'${action.replace('.', '\\.')}'(?!:)`).test(all))).toEqual([]);
  });

  test('emit no other: whatever stands as an action, or looks like one, is in the table', () => {
    const families = [...new Set(Object.keys(AUDIT_ACTIONS).map((action) => action.split('.')[0]))].join('|');
    const unknown: string[] = [];
    let found = 0;
    for (const [file, text] of sources()) {
      for (const [, action = ''] of [...text.matchAll(/\baction: '([^']*)'/g), ...text.matchAll(new RegExp(`'((?:${families})\\.[a-z_]+)'`, 'g'))]) {
        found++;
        if (!Object.hasOwn(AUDIT_ACTIONS, action) && !NO_ACTIONS.has(action)) unknown.push(`${file}: ${action}`);
      }
    }
    expect(unknown).toEqual([]);
    expect(found).toBeGreaterThan(20);
  });
});
