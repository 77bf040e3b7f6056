import { describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './spill/spilling.js';

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

  test('that awaits close() in its own SIGTERM handler delivers all it recorded, audit.stop last, and then ends by itself', async () => {
    const { code, output } = await run(`
      const seen = [];
      const slow = { logEvent: (event) => new Promise((resolve) => setTimeout(() => resolve(seen.push(event.details.action)), 5)) };
      const audit = new AuditLogger({ adapters: [slow], logger });
      await audit.start();
      for (let index = 0; index < 30; index++) audit.record(event);
      const open = setInterval(() => {}, 1_000);
      process.on('SIGTERM', async () => {
        await audit.close();
        console.log(seen.length, seen[0], seen.at(-1));
        clearInterval(open);
      });
      process.kill(process.pid, 'SIGTERM');
    `);
    expect(output).toBe('32 audit.start audit.stop\n');
    expect(code).toBe(0);
  });

  test('so it does within flushMs where a sink hangs; with a spill the next process delivers what was acknowledged', async () => {
    const folder = temporaryFolder();
    const spill = JSON.stringify({ directory: folder.path });
    try {
      const { code, output, ms } = await run(`
        const audit = new AuditLogger({ adapters: [{ name: 'sink', logEvent: never }], logger, spill: ${spill}, flushMs: 300 });
        await audit.start();
        for (let index = 0; index < 30; index++) audit.record(event);
        process.on('SIGTERM', async () => {
          await audit.close();
          const { spilled, dropped, queued } = audit.stats().adapters[0];
          console.log(spilled, dropped, queued);
        });
        process.kill(process.pid, 'SIGTERM');
        await new Promise((resolve) => setTimeout(resolve, 100));
      `);
      expect(output).toBe('32 0 0\n');
      expect(code).toBe(0);
      expect(ms).toBeLessThan(9_000);
      const { output: next } = await run(`
        const seen = [];
        const audit = new AuditLogger({ adapters: [{ name: 'sink', logEvent: async ({ details }) => seen.push(details.action) }], logger, spill: ${spill} });
        await audit.start();
        await audit.close();
        console.log(seen.length, seen[0], seen[1], seen[31], seen.at(-1));
      `);
      expect(next).toBe('34 audit.start system.started audit.stop audit.stop\n');
    } finally {
      folder.remove();
    }
  });

  test('is not kept alive by a spill that is open', async () => {
    const folder = temporaryFolder();
    try {
      const { code, output } = await run(`
        const audit = new AuditLogger({ adapters: [{ name: 'sink', logEvent: async () => { throw new Error('down'); } }], logger, spill: ${JSON.stringify({ directory: folder.path })} });
        await audit.log(event);
        process.on('exit', () => console.log('left with', audit.stats().adapters[0].spilled));
      `);
      expect([code, output]).toEqual([0, 'left with 1\n']);
    } finally {
      folder.remove();
    }
  });
});
