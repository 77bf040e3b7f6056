import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { defaultRuntimeDir, ensurePrivateDirectory } from '../../src/endpoint/registry-directory.js';
import { thrown } from '../support/wire.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'mesh-core-test-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('runtime directory', () => {
  test('is MESH_RUNTIME_DIR, else in XDG_RUNTIME_DIR, else of the user alone in the temporary one', () => {
    expect(defaultRuntimeDir({ MESH_RUNTIME_DIR: '/a', XDG_RUNTIME_DIR: '/b' })).toBe('/a');
    expect(defaultRuntimeDir({ MESH_RUNTIME_DIR: '', XDG_RUNTIME_DIR: '/b' })).toBe('/b/secure-stack-mesh');
    expect(defaultRuntimeDir({ XDG_RUNTIME_DIR: '' })).toBe(join(tmpdir(), `secure-stack-mesh-${userInfo().uid}`));
  });

  test('is made for this user alone, parents included, and may be there already', () => {
    const directory = join(root, 'a', 'b');
    ensurePrivateDirectory(directory);
    ensurePrivateDirectory(directory);
    expect([statSync(directory).mode & 0o777, statSync(join(root, 'a')).mode & 0o777]).toEqual([0o700, 0o700]);
  });

  test.each([0o755, 0o770, 0o711, 0o777, 0o701])('one of mode %o is refused, with what to do', (mode) => {
    const directory = join(root, 'open');
    mkdirSync(directory);
    chmodSync(directory, mode);
    const error = thrown(() => ensurePrivateDirectory(directory));
    expect(error).toMatchObject({ reason: 'runtime_dir_unsafe', code: 'FAILED_PRECONDITION' });
    expect(error.text).toContain(`chmod 700 ${directory}`);
  });

  test('a symbolic link is refused, wherever it leads', () => {
    mkdirSync(join(root, 'real'), { mode: 0o700 });
    symlinkSync(join(root, 'real'), join(root, 'link'));
    expect(thrown(() => ensurePrivateDirectory(join(root, 'link')))).toMatchObject({ reason: 'runtime_dir_unsafe' });
    symlinkSync(join(root, 'nowhere'), join(root, 'dangling'));
    expect(thrown(() => ensurePrivateDirectory(join(root, 'dangling')))).toMatchObject({ reason: 'runtime_dir_unsafe' });
    expect(existsSync(join(root, 'nowhere'))).toBe(false);
  });

  test('a file is refused', () => {
    writeFileSync(join(root, 'file'), '');
    expect(thrown(() => ensurePrivateDirectory(join(root, 'file')))).toMatchObject({ reason: 'runtime_dir_unsafe' });
    expect(thrown(() => ensurePrivateDirectory(join(root, 'file', 'below')))).toMatchObject({ reason: 'runtime_dir_unsafe' });
  });
});
