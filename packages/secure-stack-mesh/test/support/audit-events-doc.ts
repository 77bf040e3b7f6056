import { readFileSync } from 'node:fs';

/** One end of a connection. */
export type End = 'dialler' | 'acceptor';

/** An entry of docs/audit-events.md. */
export interface DocumentedEvent {
  readonly action: string;
  readonly eventType: string;
  readonly when: string;
  /** `each`: no matter of ends. */
  readonly at: readonly (End | 'each')[];
  /** What the document says of it where it is not the same at both ends, by end. */
  readonly hasTarget: Readonly<Record<End, boolean | 'session keys'>>;
  readonly hasDuration: Readonly<Record<End, boolean>>;
  readonly success: string;
  readonly metadata: readonly string[];
  /** Those of `metadata` that only events about some type of key have: `details.metadata.keyType` by name. */
  readonly onlyOf: Readonly<Record<string, string>>;
  readonly counted: boolean;
  readonly example: Readonly<Record<string, unknown>>;
}

const FIELDS = ['When', 'At', 'Target', 'Success', 'Duration', 'Metadata', 'Counted', 'Example'] as const;

/** @param root of the workspace */
export function documentedEvents(root: URL): DocumentedEvent[] {
  const text = readFileSync(new URL('docs/audit-events.md', root), 'utf8');
  return [...text.matchAll(/^### `([^`]+)` \((\w+)\)\n((?:(?!^#)[^])*)/gm)].map(([, action = '', eventType = '', body = '']) => entry(action, eventType, body));
}

/** All headings of that level, entries or not. */
export const headings = (root: URL): string[] => readFileSync(new URL('docs/audit-events.md', root), 'utf8').match(/^###.*$/gm) ?? [];

function entry(action: string, eventType: string, body: string): DocumentedEvent {
  const lines = new Map<string, string>();
  for (const [, field = '', said = ''] of body.matchAll(/^- (\w+): ((?:.|\n(?! *\n|- |#))*)/gm)) {
    if (!FIELDS.includes(field as (typeof FIELDS)[number])) throw new Error(`${action}: '${field}' is no field of an entry`);
    if (lines.has(field)) throw new Error(`${action}: '${field}' stands there twice`);
    lines.set(field, said.replace(/\s+/g, ' ').trim());
  }
  const said = (field: (typeof FIELDS)[number]): string => {
    const value = lines.get(field);
    if (value === undefined) throw new Error(`${action}: '${field}' is missing`);
    return value;
  };
  const parts = said('Metadata') === 'none' ? [] : said('Metadata').split(';').map((part) => [/`(\w+)`/.exec(part)?.[1] ?? `no name in '${part}'`, part] as const);
  return {
    action,
    eventType,
    when: said('When'),
    at: said('At') === 'each mesh' ? ['each'] : (said('At').split(', ') as End[]),
    hasTarget: said('Target') === 'of session keys the peer; else none' ? { dialler: 'session keys', acceptor: 'session keys' } : byEnd(said('Target')),
    hasDuration: byEnd(lines.get('Duration') ?? 'none'),
    success: said('Success'),
    metadata: parts.map(([name]) => name),
    onlyOf: Object.fromEntries(parts.flatMap(([name, part]) => [...part.matchAll(/of (session|static|certificate) keys only/g)].map(([, keyType = '']) => [name, keyType]))),
    counted: lines.has('Counted'),
    example: JSON.parse(said('Example').replace(/^`|`$/g, '')) as Record<string, unknown>,
  };
}

/** "none …", or "Dialler: … Acceptor: none …", or what is the same at both ends. */
function byEnd(said: string): Readonly<Record<End, boolean>> {
  const [dialler, acceptor] = [/dialler: (.*?)(?:\. acceptor:|$)/i.exec(said)?.[1], /acceptor: (.*)/i.exec(said)?.[1]];
  const isThere = (text: string | undefined): boolean => text !== undefined && !text.startsWith('none');
  if (dialler === undefined && acceptor === undefined) return { dialler: isThere(said), acceptor: isThere(said) };
  return { dialler: isThere(dialler), acceptor: isThere(acceptor) };
}
