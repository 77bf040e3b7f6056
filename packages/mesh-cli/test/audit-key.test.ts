import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { addSigningKey, openSigningKeys } from '@lemur-bookstores/mesh-log';
import { openLog, ORIGIN, temporaryDirectory } from './support/logs.js';
import { run } from './support/run.js';

test('prints the public keys, one a line, the one that signs first: as audit verify takes them', async () => {
  const root = temporaryDirectory();
  const { key: first } = await openSigningKeys(join(root, 'keys'));
  const log = await openLog(join(root, 'log'), { key: first });
  await log.append([{ sequence: 1 }]);
  await log.close();
  const { key: second } = await addSigningKey(join(root, 'keys'));
  const { code, out, err } = await run(['audit', 'key', '--keys-dir', join(root, 'keys')]);
  expect([code, err]).toEqual([0, '']);
  expect(out).toBe(`${second.publicKey.toString('base64')}\n${first.publicKey.toString('base64')}\n`);
  writeFileSync(join(root, 'audit-key.txt'), out);
  expect((await run(['audit', 'verify', join(root, 'log'), '--key', join(root, 'audit-key.txt')])).code).toBe(0);
});

test('or verifier keys for the log of a name', async () => {
  const keysDir = temporaryDirectory();
  const { key } = await openSigningKeys(keysDir);
  expect(await run(['audit', 'key', '--keys-dir', keysDir, '--origin', ORIGIN])).toMatchObject({ code: 0, out: `${key.verifierKey(ORIGIN)}\n` });
  expect(await run(['audit', 'key', '--keys-dir', keysDir, '--origin', 'a b'])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('--origin: one word') });
});

test('of the folder that the environment names', async () => {
  const keysDir = temporaryDirectory();
  const { key } = await openSigningKeys(keysDir);
  expect(await run(['audit', 'key'], { env: { MESH_KEYS_DIR: keysDir } })).toMatchObject({ code: 0, out: `${key.publicKey.toString('base64')}\n` });
});

test('on a terminal it says what the others are for', async () => {
  const keysDir = temporaryDirectory();
  await openSigningKeys(keysDir);
  expect((await run(['audit', 'key', '--keys-dir', keysDir], { terminal: true })).err).toBe('');
  await addSigningKey(keysDir);
  expect((await run(['audit', 'key', '--keys-dir', keysDir], { terminal: true })).err).toContain('the first signs now');
});

test('no private key gets out, no key is made, and one that others can read is refused', async () => {
  const keysDir = temporaryDirectory();
  expect(await run(['audit', 'key', '--keys-dir', keysDir])).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^error: log_key_missing: there is no key of an audit log in '.*audit'\n$/) });
  expect(existsSync(join(keysDir, 'audit'))).toBe(false);
  const { key } = await openSigningKeys(keysDir);
  const secret = key.toPem().split('\n')[1] as string;
  const { out, err } = await run(['audit', 'key', '--keys-dir', keysDir]);
  expect(out + err).not.toContain(secret.slice(-40));
  chmodSync(join(keysDir, 'audit', 'log-key-000001.pem'), 0o644);
  expect(await run(['audit', 'key', '--keys-dir', keysDir])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('is open to others') });
});
