import { describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const entry = JSON.stringify(new URL('../dist/index.js', import.meta.url).href);
const prelude = `
  import { AuditLogger } from ${entry};
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const event = { eventType: 'system', details: { action: 'system.started', success: true } };
  const never = () => new Promise(() => {});
`;

/** Runs a script as a process of its own. It is killed after 10 s, which no test here expects. */
function run(script: string): Promise<{ code: number | null; output: string; ms: number }> {
  return new Promise((resolve) => {
    const started = performance.now();
    const child = spawn(process.execPath, ['--input-type=module', '-e', prelude + script], { cwd: fileURLToPath(new URL('..', import.meta.url)), timeout: 10_000 });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('close', (code) => resolve({ code, output, ms: performance.now() - started }));
  });
}

describe('the process', () => {
  test('is not kept alive by an adapter that hangs, nor by a retry that waits', async () => {
    const { code, output } = await run(`
      const hanging = { logEvent: never, start: never };
      const failing = { logEvent: async () => { throw new Error('down'); } };
      const audit = new AuditLogger({ adapters: [hanging, failing], logger, retryDelayMs: 20_000 });
      void audit.start({ paths: {}, metrics() {} });
      audit.record(event);
      process.on('exit', () => console.log('left with', audit.stats().adapters.map(({ queued }) => queued).join()));
    `);
    expect(output).toBe('left with 2,2\n');
    expect(code).toBe(0);
  });

  test('that just ends still delivers what it recorded last', async () => {
    const { output } = await run(`
      const audit = new AuditLogger({ adapters: [{ logEvent: async ({ sequence }) => console.log(sequence) }], logger });
      audit.record(event);
      audit.record(event);
    `);
    expect(output).toBe('1\n2\n');
  });

  test('that awaits close() gets its answer, and then ends', async () => {
    const { code, output } = await run(`
      const audit = new AuditLogger({ adapters: [{ logEvent: never }], logger, flushMs: 200 });
      audit.record(event);
      await audit.close();
      console.log('closed', audit.stats().adapters[0].dropped);
    `);
    expect(output).toBe('closed 1\n');
    expect(code).toBe(0);
  });
});
