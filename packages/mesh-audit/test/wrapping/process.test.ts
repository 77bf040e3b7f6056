import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const entry = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href);

/** Runs a script as a process of its own. It is killed after 20 s, which no test here expects. */
function run(script: string): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: fileURLToPath(new URL('../..', import.meta.url)), timeout: 20_000 });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

test('never started and never closed, with timers under way, they keep no process alive', async () => {
  const { code, stdout, stderr } = await run(`
    import { AggregatingMetricsAdapter, AlertRulesAdapter, FilterAdapter, SamplingAdapter } from ${entry};
    const event = (sequence, eventType, success) => ({ id: 'i' + sequence, sequence, timestamp: new Date(0), eventType, serviceId: 's', details: { action: 'a', success } });
    const sink = { logEvent: async () => undefined };
    const adapters = [
      new FilterAdapter(sink, ['message']),
      new SamplingAdapter(sink, { rate: 0 }),
      new AlertRulesAdapter({ rules: [{ name: 'r', when: () => true }], notify: () => undefined }),
      new AlertRulesAdapter({ rules: [{ name: 'r', when: () => true }], notify: () => { throw new Error('down'); }, logger: { debug() {}, info() {}, warn() {}, error() {} } }),
      new AggregatingMetricsAdapter({ send: () => undefined }),
    ];
    let failed = 0;
    for (const adapter of adapters) for (let n = 0; n < 3; n++) await adapter.logEvent(event(n, 'message', true)).catch(() => failed++);
    console.log('done', failed);
  `);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toBe('done 1\n');
});
