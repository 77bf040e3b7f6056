import { issuePath } from './issue-path.js';

/** What a caller learns of one issue: never the value. */
export interface InputIssue {
  readonly path: string;
  readonly message: string;
}

/** `details` of `input_invalid`. */
export interface InputIssues {
  readonly issues: readonly InputIssue[];
  /** How many more there were. Absent if none. */
  readonly omitted?: number;
}

const MAX_MESSAGE_LENGTH = 300;
/** Below the 4 KiB that cross the wire: what is over them would be lost as a whole. */
const MAX_BYTES = 4_096 - 64;
/** Shorter ones are words of the message as likely as they are the value. */
const MIN_TEXT_LENGTH = 4;

/**
 * As many of the issues as fit.
 * @param issues of a schema library, in whatever state
 * @param count how many there were in all
 * @param input what it was given: messages that quote a value of it lose the quotation
 */
export function inputIssues(issues: readonly unknown[], count: number, input: unknown): InputIssues {
  const listed: InputIssue[] = [];
  let bytes = 0;
  for (const one of issues) {
    const issue = readable(one, input);
    bytes += Buffer.byteLength(JSON.stringify(issue)) + 1;
    if (bytes > MAX_BYTES) break;
    listed.push(issue);
  }
  const omitted = count - listed.length;
  return omitted > 0 ? { issues: listed, omitted } : { issues: listed };
}

/** An issue is an object of the library's, perhaps with getters. */
function readable(issue: unknown, input: unknown): InputIssue {
  try {
    const { path, message } = issue as { readonly path?: unknown; readonly message?: unknown };
    const text = typeof message === 'string' ? withoutValue(message.slice(0, 4 * MAX_MESSAGE_LENGTH), valueAt(input, path)) : 'invalid';
    return { path: issuePath(path), message: text.slice(0, MAX_MESSAGE_LENGTH) };
  } catch {
    return { path: '', message: 'invalid' };
  }
}

/** Own properties only. */
function valueAt(input: unknown, path: unknown): unknown {
  let value = input;
  for (const segment of Array.isArray(path) ? (path as unknown[]) : []) {
    const key = typeof segment === 'object' && segment !== null ? (segment as { key?: unknown }).key : segment;
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key as PropertyKey)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key as PropertyKey];
  }
  return value;
}

/** valibot and arktype say what they received; callers log what they get, and it may be a password. */
function withoutValue(message: string, value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return message;
  const text = String(value);
  if (text === '') return message;
  const quoted = typeof value === 'string' ? message.replaceAll(JSON.stringify(value), '"…"').replaceAll(`"${value}"`, '"…"').replaceAll(`'${value}'`, "'…'") : message;
  return text.length < MIN_TEXT_LENGTH ? quoted : quoted.replaceAll(text, '…');
}
