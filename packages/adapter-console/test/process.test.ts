import { describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const entry = JSON.stringify(new URL('../dist/index.js', import.meta.url).href);
const prelude = `
  import { ConsoleAdapter } from ${entry};
  const event = (sequence) => ({ id: 'i', sequence, timestamp: new Date(0), eventType: 'system', serviceId: 's', details: { action: 'a', success: true } });
`;

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script as a process of its own. It is killed after 10 s, which no test here expects. */
function run(script: string, { closeStdoutAfterFirstLine = false, env = {} }: { closeStdoutAfterFirstLine?: boolean; env?: NodeJS.ProcessEnv } = {}): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', prelude + script], { cwd: fileURLToPath(new URL('..', import.meta.url)), timeout: 10_000, env: { ...process.env, ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (closeStdoutAfterFirstLine) child.stdout.destroy();
    });
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('the process', () => {
  test('is not kept alive, and what was logged last is written', async () => {
    const { code, stdout } = await run(`
      const adapter = new ConsoleAdapter({ format: 'json' });
      for (let index = 1; index <= 900; index++) void adapter.logEvent(event(index));
    `);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n').map((line) => (JSON.parse(line) as { sequence: number }).sequence)).toEqual(Array.from({ length: 900 }, (_, index) => index + 1));
  });

  test('whose reader went away (`| head -1`) lives on: the adapter fails, for good', async () => {
    const { code, stderr } = await run(
      `
      const adapter = new ConsoleAdapter();
      await adapter.logEvent(event(1));
      let failure;
      while (failure === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await adapter.logEvent(event(2)).catch((error) => (failure = error));
      }
      console.error(failure.reason, failure.retryable);
      await adapter.close();
    `,
      { closeStdoutAfterFirstLine: true },
    );
    expect(stderr).toBe('adapter_failed false\n');
    expect(code).toBe(0);
  });

  test('on a terminal shows local time, in colors unless NO_COLOR is set; on a pipe neither', async () => {
    const script = (isTTY: boolean): string => `
      process.stdout.isTTY = ${isTTY};
      await new ConsoleAdapter().logEvent({ ...event(1), timestamp: new Date('2026-07-01T03:04:05.006Z') });
    `;
    const line = (time: string): string => `${time}  INFO   s                                 a\n`;
    const zone = { TZ: 'America/New_York', TERM: 'xterm' };
    const [terminal, plain, pipe] = await Promise.all([
      run(script(true), { env: { ...zone, NO_COLOR: '' } }),
      run(script(true), { env: { ...zone, NO_COLOR: '1' } }),
      run(script(false), { env: { ...zone, NO_COLOR: '' } }),
    ]);
    expect(terminal.stdout).toBe('\u001b[2m2026-06-30 23:04:05.006\u001b[0m  \u001b[32mINFO\u001b[0m   s                                 \u001b[1ma\u001b[0m\n');
    expect(plain.stdout).toBe(line('2026-06-30 23:04:05.006'));
    expect(pipe.stdout).toBe(line('2026-07-01T03:04:05.006Z'));
  });
});
