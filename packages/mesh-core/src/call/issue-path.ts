import { escapeControls } from '@lemur-bookstores/mesh-interface';

/** An identifier of ASCII letters: everything else stands in brackets. */
const NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
const MAX_SEGMENTS = 32;
const MAX_LENGTH = 200;

/**
 * The path of an issue as people read it: `items[0].price`, `["a key"].b`; empty for the value itself.
 * @param path as a schema library gave it: keys, or objects with a `key`. What is neither stands as `[?]`
 */
export function issuePath(path: unknown): string {
  if (!Array.isArray(path)) return '';
  let text = '';
  for (const segment of path.slice(0, MAX_SEGMENTS) as unknown[]) {
    const key = typeof segment === 'object' && segment !== null ? (segment as { key?: unknown }).key : segment;
    text += step(key, text === '');
    if (text.length > MAX_LENGTH) return `${text.slice(0, MAX_LENGTH)}…`;
  }
  return path.length > MAX_SEGMENTS ? `${text}…` : text;
}

function step(key: unknown, isFirst: boolean): string {
  switch (typeof key) {
    case 'string':
      return NAME.test(key) ? `${isFirst ? '' : '.'}${key}` : `[${escapeControls(JSON.stringify(key.slice(0, MAX_LENGTH)))}]`;
    case 'number':
      return `[${key}]`;
    case 'symbol':
      return `[${escapeControls(key.toString().slice(0, MAX_LENGTH))}]`;
    default:
      return '[?]';
  }
}
