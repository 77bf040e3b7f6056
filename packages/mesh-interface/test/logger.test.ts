import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { pinoLogger, silentLogger, stderrLogger, winstonLogger } from '../src/logger.js';
import { MeshError } from '../src/mesh-error.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

let written: string[] = [];

function captureStderr(): void {
  written = [];
  jest.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    written.push(String(chunk));
    return true;
  });
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('stderrLogger', () => {
  test('writes warnings and errors as one JSON line each, and nothing else', () => {
    captureStderr();
    for (const level of LEVELS) stderrLogger[level](`a ${level}`, { port: 1 });
    const lines = written.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toEqual([
      { time: expect.any(String), level: 'warn', name: 'secure-stack-mesh', message: 'a warn', port: 1 },
      { time: expect.any(String), level: 'error', name: 'secure-stack-mesh', message: 'a error', port: 1 },
    ]);
    expect(Number.isNaN(Date.parse(lines[0]?.['time'] as string))).toBe(false);
    for (const line of written) expect(line.indexOf('\n')).toBe(line.length - 1);
  });

  test("no field takes the place of the line's own", () => {
    captureStderr();
    stderrLogger.warn('refused', { level: 'debug', message: 'all is well', time: 'never', name: 'other' });
    expect(JSON.parse(written[0] ?? '')).toMatchObject({ level: 'warn', message: 'refused', name: 'secure-stack-mesh' });
    expect(written[0]).not.toContain('all is well');
  });

  test('newlines and control characters of a terminal are escaped: one line stays one line', () => {
    captureStderr();
    const hostile = 'a\nb\u001b[2J\u009b2J\u007f\u0085\u2028\u202e\u2066z';
    stderrLogger.warn(hostile, { address: hostile });
    const [line = ''] = written;
    // eslint-disable-next-line no-control-regex
    expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
    expect(JSON.parse(line)).toMatchObject({ message: hostile, address: hostile });
  });

  test('regression: every format character is escaped, those beyond the BMP too', () => {
    captureStderr();
    const hidden = ['\u00ad', '\u0600', '\u061c', '\u180e', '\u200b', '\u200d', '\u2060', '\u206a', '\ufeff', '\ufff9', '\u{110bd}', '\u{e0001}', '\u{e0041}', '\ud800'];
    for (const character of hidden) stderrLogger.warn(`a${character}b`, { [`n${character}`]: character });
    for (const [index, line] of written.entries()) {
      expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      expect(JSON.parse(line)).toMatchObject({ message: `a${hidden[index]}b`, [`n${hidden[index]}`]: hidden[index] });
    }
    expect(written).toHaveLength(hidden.length);
    stderrLogger.warn('Grüße 😀 日本語');
    expect(written.at(-1)).toContain('Grüße 😀 日本語');
  });

  test('shows errors and bigints', () => {
    captureStderr();
    stderrLogger.error('x', { plain: new TypeError('boom'), ours: new MeshError('cancelled', 'gone'), nonce: 2n ** 64n });
    expect(JSON.parse(written[0] ?? '')).toMatchObject({ plain: 'boom', ours: { reason: 'cancelled' }, nonce: '18446744073709551616' });
  });

  test('fields that cannot be encoded are left out, the message stays', () => {
    captureStderr();
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    stderrLogger.warn('still said', circular);
    expect(JSON.parse(written[0] ?? '')).toMatchObject({ level: 'warn', message: 'still said' });
  });
});

test('silentLogger says nothing', () => {
  captureStderr();
  const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
  for (const level of LEVELS) silentLogger[level]('x', { a: 1 });
  expect(written).toEqual([]);
  expect(log).not.toHaveBeenCalled();
});

describe('wrappers', () => {
  const recorder = (): { calls: unknown[][]; sink: Record<(typeof LEVELS)[number], (...args: unknown[]) => void> } => {
    const calls: unknown[][] = [];
    const record = (level: string) => (...args: unknown[]): void => void calls.push([level, ...args]);
    return { calls, sink: { debug: record('debug'), info: record('info'), warn: record('warn'), error: record('error') } };
  };

  test('pino takes the fields first, and always some', () => {
    const { calls, sink } = recorder();
    const logger = pinoLogger(sink);
    for (const level of LEVELS) logger[level]('hello', { a: 1 });
    logger.info('bare');
    expect(calls).toEqual([...LEVELS.map((level) => [level, { a: 1 }, 'hello']), ['info', {}, 'bare']]);
  });

  test('winston takes the message first', () => {
    const { calls, sink } = recorder();
    const logger = winstonLogger(sink);
    for (const level of LEVELS) logger[level]('hello', { a: 1 });
    expect(calls).toEqual(LEVELS.map((level) => [level, 'hello', { a: 1 }]));
  });

  test('both call the methods on the logger itself, as pino and winston need', () => {
    const seen: unknown[] = [];
    const sink = {
      debug() {},
      info() {},
      error() {},
      warn(this: unknown) {
        seen.push(this);
      },
    };
    pinoLogger(sink).warn('x');
    winstonLogger(sink).warn('x');
    expect(seen.map((self) => self === sink)).toEqual([true, true]);
  });
});
