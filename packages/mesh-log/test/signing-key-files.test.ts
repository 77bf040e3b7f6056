import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { addSigningKey, openSigningKeys, readSigningKeys } from '../src/signing-key-files.js';
import { temporaryDirectory } from './support/logs.js';

describe('signing keys', () => {
  test('are made once, in a folder of their own that nobody else can open', async () => {
    const keysDir = join(temporaryDirectory(), 'keys');
    const opened = await Promise.all(Array.from({ length: 8 }, () => openSigningKeys(keysDir)));
    expect(new Set(opened.map(({ key }) => key.publicKey.toString('hex'))).size).toBe(1);
    expect(opened[0]?.previousKeys).toEqual([]);
    expect(readdirSync(join(keysDir, 'audit'))).toEqual(['log-key-000001.pem']);
    expect(statSync(join(keysDir, 'audit')).mode & 0o777).toBe(0o700);
    expect(statSync(join(keysDir, 'audit', 'log-key-000001.pem')).mode & 0o777).toBe(0o600);
  });

  test('a new one signs from then on, and the others are kept', async () => {
    const keysDir = join(temporaryDirectory(), 'keys');
    const { key: first } = await openSigningKeys(keysDir);
    const { key: second, previousKeys } = await addSigningKey(keysDir);
    expect(second.publicKey).not.toEqual(first.publicKey);
    expect(previousKeys.map(({ publicKey }) => publicKey)).toEqual([first.publicKey]);
    expect((await openSigningKeys(keysDir)).key.publicKey).toEqual(second.publicKey);
  });

  test('can be read without making any', async () => {
    const keysDir = join(temporaryDirectory(), 'keys');
    await expect(readSigningKeys(keysDir)).rejects.toThrow(/^log_key_missing.*audit'$/);
    expect(existsSync(keysDir)).toBe(false);
    mkdirSync(join(keysDir, 'audit'), { recursive: true, mode: 0o700 });
    await expect(readSigningKeys(keysDir)).rejects.toThrow(/^log_key_missing/);
    expect(readdirSync(join(keysDir, 'audit'))).toEqual([]);
    const { key } = await openSigningKeys(keysDir);
    expect((await readSigningKeys(keysDir)).key.publicKey).toEqual(key.publicKey);
    await expect(readSigningKeys('/dev/null/keys')).rejects.toThrow(/^keys_dir_unsafe/);
  });

  test.each<[string, (audit: string) => void]>([
    ['a key that others can read', (audit) => chmodSync(join(audit, 'log-key-000001.pem'), 0o640)],
    ['a folder that others can write', (audit) => chmodSync(audit, 0o770)],
    ['a link in the place of a key', (audit) => symlinkSync('/dev/zero', join(audit, 'log-key-000002.pem'))],
    ['a folder in the place of a key', (audit) => mkdirSync(join(audit, 'log-key-000002.pem'), { mode: 0o700 })],
  ])('%s is refused', async (_what, harm) => {
    const keysDir = join(temporaryDirectory(), 'keys');
    await openSigningKeys(keysDir);
    harm(join(keysDir, 'audit'));
    await expect(openSigningKeys(keysDir)).rejects.toThrow(/^keys_dir_unsafe/);
    await expect(readSigningKeys(keysDir)).rejects.toThrow(/^keys_dir_unsafe/);
  });

  test('a file that holds no key is refused without showing what it holds', async () => {
    const keysDir = join(temporaryDirectory(), 'keys');
    await openSigningKeys(keysDir);
    writeFileSync(join(keysDir, 'audit', 'log-key-000002.pem'), 'top secret', { mode: 0o600 });
    const error = (await openSigningKeys(keysDir).catch((thrown: unknown) => thrown)) as Error;
    expect(error.message).toMatch(/^invalid_key: '.*log-key-000002.pem'/);
    expect(error.message).not.toContain('top secret');
  });

  test('a keys folder that cannot be made is refused', async () => {
    await expect(openSigningKeys('/dev/null/keys')).rejects.toThrow(/^keys_dir_unsafe/);
  });
});
