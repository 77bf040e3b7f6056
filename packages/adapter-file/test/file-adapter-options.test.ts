import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { SigningKey, openSigningKeys } from '@lemur-bookstores/mesh-log';
import { FileAdapter } from '../src/file-adapter.js';
import { resolveFileAdapterOptions, type FileAdapterOptions } from '../src/file-adapter-options.js';
import { eventOf, fileAdapter, temporaryDirectory } from './support/support.js';

const problemsOf = (directory: unknown, options: unknown): string[] => {
  try {
    new FileAdapter(directory as string, options as FileAdapterOptions);
  } catch (error) {
    if (!MeshError.is(error) || error.reason !== 'invalid_option') throw error;
    const { problems } = error.details as { problems: string[] };
    expect(error.text).toBe(problems.join('; '));
    return problems;
  }
  return [];
};

describe('options', () => {
  test("the guide's fit", () => {
    const { rotation, retention, compress, sync, timezone } = resolveFileAdapterOptions('./logs/audit', { rotation: 'daily', retention: 90 });
    expect([rotation, retention, compress, sync, timezone]).toEqual(['daily', 90, true, 'group', 'local']);
    expect(resolveFileAdapterOptions('./logs', {}).retention).toBe(365);
  });

  test('undefined ones count as absent', () => {
    const names = ['rotation', 'retention', 'compress', 'sync', 'signWith', 'timezone', 'origin', 'onCheckpoint', 'logger', 'clock', 'fileSystem'];
    expect(resolveFileAdapterOptions('/logs', Object.fromEntries(names.map((name) => [name, undefined])))).toEqual(resolveFileAdapterOptions('/logs', {}));
  });

  test.each<[string, unknown, unknown, string]>([
    ['no directory', undefined, {}, 'directory'],
    ['an empty one', '', {}, 'directory'],
    ['a NUL in it', 'logs\0', {}, 'directory'],
    ['no object', '/logs', 'daily', 'options'],
    ['null', '/logs', null, 'options'],
    ['an unknown period', '/logs', { rotation: 'weekly' }, 'rotation'],
    ['rotation null', '/logs', { rotation: null }, 'rotation'],
    ['segments too small', '/logs', { rotation: { maxBytes: 4095 } }, 'rotation.maxBytes'],
    ['half a byte', '/logs', { rotation: { maxBytes: 5000.5 } }, 'rotation.maxBytes'],
    ['no maxBytes', '/logs', { rotation: {} }, 'rotation.maxBytes'],
    ['no retention', '/logs', { retention: 0 }, 'retention'],
    ['retention as text', '/logs', { retention: '90' }, 'retention'],
    ['retention NaN', '/logs', { retention: Number.NaN }, 'retention'],
    ['compress as text', '/logs', { compress: 'no' }, 'compress'],
    ['sync as a flag', '/logs', { sync: true }, 'sync'],
    ['another time zone', '/logs', { timezone: 'Europe/Berlin' }, 'timezone'],
    ['a key that is none', '/logs', { signWith: {} }, 'signWith'],
    ['an empty folder of keys', '/logs', { signWith: '' }, 'signWith'],
    ['an origin of two words', '/logs', { origin: 'two words' }, 'origin'],
    ['an origin with +', '/logs', { origin: 'a+b' }, 'origin'],
    ['no function', '/logs', { onCheckpoint: 'x' }, 'onCheckpoint'],
    ['no logger', '/logs', { logger: {} }, 'logger'],
    ['no clock', '/logs', { clock: { now: Date.now } }, 'clock'],
    ['no file system', '/logs', { fileSystem: {} }, 'fileSystem'],
    ['a name that is not there', '/logs', { retentionDays: 90 }, 'retentionDays'],
  ])('%s is refused by path', (_what, directory, options, path) => {
    expect(problemsOf(directory, options).map((problem) => problem.replace(/:.*/s, ''))).toEqual([path]);
  });

  test('all problems are told at once', () => {
    const bad = { rotation: 'never', retention: -1, compress: 1, sync: 'x', signWith: 1, timezone: 'x', origin: 1, onCheckpoint: 1, logger: 1, clock: 1, fileSystem: 1, other: 1 };
    const paths = problemsOf('', bad).map((problem) => problem.replace(/:.*/s, ''));
    expect(paths.sort()).toEqual(['directory', ...Object.keys(bad)].sort());
  });

  test('a key, keys and a folder of keys fit', async () => {
    const keysDir = temporaryDirectory();
    for (const signWith of [SigningKey.generate(), await openSigningKeys(keysDir), keysDir]) {
      const adapter = fileAdapter(temporaryDirectory(), { signWith });
      await adapter.logEvent(eventOf());
      expect(adapter.publicKey).toMatch(/^secure-stack-mesh\/order-service\/[0-9a-f]{16}\+[0-9a-f]{8}\+/);
    }
  });

  test('keys in the folder of the log itself are refused, beside it they are not', async () => {
    const directory = temporaryDirectory();
    for (const keys of ['order-service', 'order-service/keys']) {
      mkdirSync(join(directory, keys), { recursive: true, mode: 0o700 });
      await expect(fileAdapter(directory, { signWith: join(directory, keys) }).logEvent(eventOf())).rejects.toThrow(/^invalid_option: signWith/);
    }
    await fileAdapter(directory, { signWith: join(directory, '..keys') }).logEvent(eventOf());
  });

  test('relative folders are where the process is at construction', async () => {
    const [here, before] = [temporaryDirectory(), process.cwd()];
    process.chdir(here);
    let adapter: FileAdapter;
    try {
      adapter = fileAdapter('./logs', { signWith: 'keys' });
    } finally {
      process.chdir(before);
    }
    await adapter.logEvent(eventOf());
    expect(adapter.directory).toBe(join(realpathSync(here), 'logs', 'order-service'));
  });
});

test('durable is what sync says', () => {
  expect([fileAdapter('/logs').durable, fileAdapter('/logs', { sync: 'none' }).durable, fileAdapter('/logs').name]).toEqual([true, false, 'file']);
});
