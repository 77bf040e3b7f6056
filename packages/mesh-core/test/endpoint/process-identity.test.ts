import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ownProcess, processState } from '../../src/endpoint/process-identity.js';

describe('process identity', () => {
  test('this process lives', () => {
    expect(ownProcess()).toMatchObject({ pid: process.pid, startedAt: expect.stringMatching(/^\d+$/) });
    expect(processState(ownProcess())).toBe('alive');
  });

  test('another process with the same pid is not the one that was there', () => {
    expect(processState({ ...ownProcess(), startedAt: '1' })).toBe('dead');
  });

  test('a pid that nobody has is dead', () => {
    expect(processState({ ...ownProcess(), pid: 2 ** 22 + 1 })).toBe('dead');
    expect(processState({ ...ownProcess(), pid: 2 ** 40 })).toBe('dead');
  });

  test('of a process in another container nothing is known', () => {
    expect(processState({ ...ownProcess(), namespace: 'pid:[1]' })).toBe('unknown');
  });

  test('a killed process is dead, also while it is a zombie', async () => {
    // The shell turns into a program that never waits for its child: that stays a zombie until the other goes.
    const shell = spawn('/bin/sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = (await once(shell.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    const startedAt = readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ')[21] as string;
    const identity = { ...ownProcess(), pid, startedAt };
    expect(processState(identity)).toBe('alive');
    while (readFileSync(`/proc/${shell.pid}/comm`, 'latin1') !== 'sleep\n') await new Promise((resolve) => setImmediate(resolve));
    process.kill(pid, 'SIGKILL');
    while (!/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) await new Promise((resolve) => setImmediate(resolve));
    expect(processState(identity)).toBe('dead');
    shell.kill('SIGKILL');
    await once(shell, 'exit');
  });
});
