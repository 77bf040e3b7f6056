import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { defaultKeysDir } from '../src/default-keys-dir.js';

test.each([
  ['MESH_KEYS_DIR wins', { MESH_KEYS_DIR: '/keys', XDG_DATA_HOME: '/data', HOME: '/home/a' }, '/keys'],
  ['a relative one is made absolute', { MESH_KEYS_DIR: 'keys' }, resolve('keys')],
  ['XDG_DATA_HOME', { XDG_DATA_HOME: '/data', HOME: '/home/a' }, '/data/secure-stack-mesh/keys'],
  ['a relative XDG_DATA_HOME is ignored', { XDG_DATA_HOME: 'data', HOME: '/home/a' }, '/home/a/.local/share/secure-stack-mesh/keys'],
  ['empty ones count as absent', { MESH_KEYS_DIR: '', XDG_DATA_HOME: '', HOME: '/home/a' }, '/home/a/.local/share/secure-stack-mesh/keys'],
  ['no HOME: what the system knows', {}, `${homedir()}/.local/share/secure-stack-mesh/keys`],
])('%s', (_what, env, expected) => expect(defaultKeysDir(env)).toBe(expected));
