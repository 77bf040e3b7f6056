import type { KeyAction, KeyPolicy, RetiredKey } from '@lemur-bookstores/mesh-interface';

/** An event of type `key_rotation`, read: words are any that somebody wrote, numbers are numbers. */
export interface KeyEvent {
  readonly action: KeyAction;
  readonly success: boolean;
  readonly error?: string;
  readonly service: string;
  /** ms since 1970. */
  readonly at: number;
  readonly sequence: number;
  readonly keyType: string;
  readonly algorithm: string;
  readonly keyId: string;
  readonly previousKeyId?: string;
  readonly trigger: string;
  readonly createdAt?: string;
  readonly sessionsRekeyed?: number;
  readonly peerId?: string;
  readonly retired?: RetiredKey;
  readonly policy: Omit<KeyPolicy, 'source'> & { readonly source: string };
  readonly overdueMs?: number;
}

type Fields = Readonly<Record<string, unknown>>;

const ACTIONS: ReadonlySet<unknown> = new Set<KeyAction>(['key.activated', 'key.rotated', 'key.retired', 'key.rotation_failed', 'key.overdue']);
/** What redaction leaves of an id that it masks: one for all keys is none. */
const MASKED = /^\[.*\]$/s;
const MAX_ERROR_LENGTH = 500;

/** Reads one as it stands in a ledger, or came to the adapter. `other`: none of ours. `unreadable`: it does not say which key it is about. */
export function readKeyEvent(event: Fields): KeyEvent | 'other' | 'unreadable' {
  const details = fieldsOf(event['details']);
  const action = details['action'];
  if (event['eventType'] !== 'key_rotation' || !ACTIONS.has(action)) return 'other';
  const fields = fieldsOf(details['metadata']);
  const keyId = idOf(fields['keyId']);
  const keyType = textOf(fields['keyType']);
  const at = timeOf(event['timestamp']);
  if (keyId === undefined || keyType === undefined || at === undefined) return 'unreadable';
  const error = textOf(details['error'])?.slice(0, MAX_ERROR_LENGTH);
  const optional = {
    error,
    previousKeyId: idOf(fields['previousKeyId']),
    createdAt: isoOf(fields['createdAt']),
    sessionsRekeyed: countOf(fields['sessionsRekeyed']),
    peerId: textOf(fields['peerId']),
    retired: retiredOf(fields['retired']),
    overdueMs: countOf(fields['overdueMs']),
  };
  return {
    action: action as KeyAction,
    success: details['success'] === true,
    service: String(event['serviceId']),
    at,
    sequence: countOf(event['sequence']) ?? 0,
    keyType,
    algorithm: textOf(fields['algorithm']) ?? 'not said',
    keyId,
    trigger: textOf(fields['trigger']) ?? 'not said',
    policy: policyOf(fieldsOf(fields['policy'])),
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as { [Name in keyof typeof optional]?: NonNullable<(typeof optional)[Name]> }),
  };
}

/** What a key came or went because of, in words: its end has no trigger of its own where nothing took its place. */
export function causeOf({ action, keyType, trigger }: KeyEvent): string {
  if (action !== 'key.retired' || trigger === 'compromise') return trigger;
  return keyType === 'session' ? 'session end' : 'service end';
}

/** A time of an event: a date, or its ISO text. */
export function timeOf(value: unknown): number | undefined {
  const time = value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

export const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

export const countOf = (value: unknown): number | undefined => (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? Math.round(value) : undefined);

function idOf(value: unknown): string | undefined {
  const text = textOf(value);
  return text === undefined || MASKED.test(text) ? undefined : text;
}

function isoOf(value: unknown): string | undefined {
  const time = timeOf(value);
  return time === undefined ? undefined : new Date(time).toISOString();
}

function retiredOf(value: unknown): RetiredKey | undefined {
  const fields = fieldsOf(value);
  const activatedAt = isoOf(fields['activatedAt']);
  const ageMs = countOf(fields['ageMs']);
  if (activatedAt === undefined || ageMs === undefined) return undefined;
  return { activatedAt, ageMs, records: countOf(fields['records']) ?? 0, bytes: countOf(fields['bytes']) ?? 0, destroyed: fields['destroyed'] === true };
}

function policyOf(fields: Fields): KeyEvent['policy'] {
  const limits = ['intervalMs', 'rejectAfterMs', 'maxRecords', 'maxBytes'].flatMap((name) => {
    const value = countOf(fields[name]);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(limits), source: textOf(fields['source']) ?? 'not said' };
}
