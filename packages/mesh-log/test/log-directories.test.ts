import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { nodeFileSystem } from '../src/file-system.js';
import { logDirectories } from '../src/log-directories.js';
import { temporaryDirectory } from './support/logs.js';

test('logs are folders with segments in them; a file, an empty folder and what a file system keeps for itself are none', async () => {
  const parent = temporaryDirectory();
  for (const name of ['b', 'a', 'empty', 'lost+found']) mkdirSync(join(parent, name));
  for (const name of ['b', 'a', 'lost+found']) writeFileSync(join(parent, name, 'audit-00000001.jsonl'), '');
  writeFileSync(join(parent, 'file'), '');
  symlinkSync('nowhere', join(parent, 'link'));
  expect(await logDirectories(nodeFileSystem, parent)).toEqual(['a', 'b']);
  writeFileSync(join(parent, 'audit-00000001.jsonl.gz'), '');
  expect(await logDirectories(nodeFileSystem, parent)).toEqual(['', 'a', 'b']);
  expect(await logDirectories(nodeFileSystem, join(parent, 'none'))).toEqual([]);
});
