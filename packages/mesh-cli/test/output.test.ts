import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { Columns } from '../src/output/columns.js';
import { errorText } from '../src/output/error-text.js';
import { Output } from '../src/output/output.js';
import { Capture } from './support/run.js';

function outputTo(isTTY: boolean, env: Record<string, string> = {}): { stream: Capture; output: Output } {
  const stream = new Capture();
  stream.isTTY = isTTY;
  return { stream, output: new Output(stream, env) };
}

describe('output', () => {
  test.each<[string, boolean, Record<string, string>, boolean]>([
    ['a terminal', true, {}, true],
    ['a terminal with an empty NO_COLOR', true, { NO_COLOR: '' }, true],
    ['a terminal with NO_COLOR', true, { NO_COLOR: '1' }, false],
    ['a dumb terminal', true, { TERM: 'dumb' }, false],
    ['a pipe', false, { FORCE_COLOR: '1' }, false],
  ])('to %s', async (_what, isTTY, env, colored) => {
    const { stream, output } = outputTo(isTTY, env);
    await output.line(['a ', { text: 'bad', style: 'bad' }]);
    expect(stream.text).toBe(colored ? 'a \u001b[1;31mbad\u001b[0m\n' : 'a bad\n');
  });

  test('no text gets a control character out, in a style or without', async () => {
    const { stream, output } = outputTo(true);
    await output.line(['\u001b[2J', { text: '\u009b31m\n', style: 'good' }]);
    await output.text('a\u202eb\nc\rd\n');
    expect(stream.text).toBe('\\u001b[2J\u001b[32m\\u009b31m\\u000a\u001b[0m\na\\u202eb\nc\\u000dd\n');
  });

  test('waits while the stream is full', async () => {
    const { stream, output } = outputTo(false);
    const done: string[] = [];
    stream.cork();
    const line = output.line('x'.repeat(stream.writableHighWaterMark)).then(() => done.push('line'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toEqual([]);
    stream.uncork();
    await line;
    expect(stream.text).toHaveLength(stream.writableHighWaterMark + 1);
  });

  test('a reader that goes away is no failure, and whoever writes hears of it; a full disk is one', async () => {
    for (const [code, failure] of [['EPIPE', undefined], ['ENOSPC', 'disk full']] as const) {
      const { stream, output } = outputTo(false);
      stream._write = (_chunk, _encoding, done) => done(Object.assign(new Error('disk full'), { code }));
      await output.line('x');
      await new Promise((resolve) => setImmediate(resolve));
      expect(output.gone.aborted).toBe(true);
      await output.line('y');
      const ended = output.end().then(() => undefined, (error: Error) => error.message);
      expect(await ended).toBe(failure);
    }
  });
});

describe('columns', () => {
  test('grow, up to a limit, and push only their own row beyond it', () => {
    const columns = new Columns([2, 2], { maxWidth: 5, lineWidth: undefined });
    const rows = [['a', 'b', 'c'], ['aaaa', 'b', 'c'], ['a', 'b', 'c'], ['aaaaaaaa', 'b', 'c'], ['a', 'b', 'c']];
    expect(rows.map((row) => columns.row(row).join(''))).toEqual(['a   b   c', 'aaaa  b   c', 'a     b   c', 'aaaaaaaa  b   c', 'a      b   c']);
  });

  test('count what is shown, and cut what does not fit, not between the halves of a character', () => {
    const columns = new Columns([6], { maxWidth: 20, lineWidth: 12 });
    expect(columns.row(['\u0007', 'abcdefgh']).join('')).toBe('\\u0007  abc…');
    expect(columns.row([{ text: 'a', style: 'bad' }, 'ab😀def']).map((span) => (typeof span === 'string' ? span : span.text)).join('')).toBe('a       ab…');
    expect(columns.row(['a'.repeat(30), 'abc']).join('')).toBe(`${'a'.repeat(30)}  …`);
  });
});

describe('errors in words', () => {
  test('a reason is named where docs/errors.md has more about it', () => {
    expect(errorText(new MeshError('invalid_option', '--key: x'))).toBe('--key: x');
    expect(errorText(new MeshError('log_key_missing', 'there is none'))).toBe('log_key_missing: there is none');
    expect(errorText(new MeshError('log_tampered', 'altered'))).toMatch(/^log_tampered: altered \('secure-stack-mesh audit verify'/);
  });

  test('a stack is shown of what nobody foresaw only', () => {
    expect(errorText(Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT', path: '/x' }))).toBe("there is no '/x'");
    expect(errorText(Object.assign(new Error('EIO: broken'), { code: 'EIO', path: '/x' }))).toBe("EIO: '/x'");
    expect(errorText(Object.assign(new Error('connect refused'), { code: 'ECONNREFUSED' }))).toBe('connect refused');
    expect(errorText(new TypeError('x is not a function'))).toMatch(/^this should not have happened: TypeError: x is not a function\n {4}at /);
  });
});
