import { MeshError } from '@lemur-bookstores/mesh-interface';

/** Longer than any record of an audit log. */
const MAX_LINE_LENGTH = 16 * 1024 * 1024;

/**
 * Lines of a UTF-8 text, without `\n` or `\r\n`. Not by node:readline, which ends lines at U+2028 as well: in JSON that is a character
 * like any other.
 * @throws MeshError `invalid_option` for a line over 16 Mi characters
 */
export async function* textLines(chunks: AsyncIterable<string | Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const [first = '', ...more] = (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })).split('\n');
    rest += first;
    for (const next of more) {
      yield withoutReturn(rest);
      rest = next;
    }
    if (rest.length > MAX_LINE_LENGTH) throw new MeshError('invalid_option', `a line has more than ${MAX_LINE_LENGTH} characters`);
  }
  rest += decoder.decode();
  if (rest !== '') yield withoutReturn(rest);
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line);
