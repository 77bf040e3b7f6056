import { mkdtempSync, readFile, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { filesIn, processListeners, startedBy } from '../src/started-resources.js';

describe('startedBy', () => {
  test('sees timers, sockets and requests for files', async () => {
    const { value, started } = startedBy(() => [setTimeout(() => undefined, 60_000).unref(), createServer().listen(0)] as const);
    expect(started).toEqual(expect.arrayContaining(['Timeout', 'TCPSERVERWRAP']));
    clearTimeout(value[0]);
    await new Promise((resolve) => value[1].close(resolve));
    expect(startedBy(() => readFile(import.meta.filename, () => undefined)).started).toEqual(['FSREQCALLBACK']);
  });

  test('does not take promises and objects for I/O, and looks no longer than it runs', () => {
    expect(startedBy(() => void Promise.resolve().then(() => process.nextTick(() => undefined))).started).toEqual([]);
    const { started } = startedBy(() => undefined);
    setImmediate(() => undefined);
    expect(started).toEqual([]);
  });
});

test('filesIn changes when anything is written', () => {
  const directory = mkdtempSync(join(tmpdir(), 'testkit-test-'));
  try {
    expect(filesIn(directory)).toEqual([]);
    writeFileSync(join(directory, 'a'), '');
    const one = filesIn(directory);
    writeFileSync(join(directory, 'a'), 'x');
    expect(filesIn(directory)).not.toEqual(one);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('processListeners', () => {
  const before = processListeners();
  const listener = (): void => undefined;
  process.on('beforeExit', listener);
  expect(processListeners()).not.toEqual(before);
  process.off('beforeExit', listener);
  expect(processListeners()).toEqual(before);
});
