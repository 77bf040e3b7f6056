import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { verifyAuditLog } from '@lemur-bookstores/mesh-log';
import { allOf, fileAdapter, temporaryDirectory } from './support/support.js';

const prelude = `
  import { FileAdapter } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
  const [directory] = process.argv.slice(1);
  const event = (sequence) => ({ id: String(sequence), sequence, timestamp: new Date(0), eventType: 'system', serviceId: 'orders', details: { action: 'a', success: true } });
  const adapter = new FileAdapter(directory, { signWith: directory + '-keys' });
`;

/** Runs a script as a process of its own. It is killed after 15 s, which no test here expects. */
function run(script: string, directory: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', prelude + script, directory], { cwd: fileURLToPath(new URL('..', import.meta.url)), timeout: 15_000 });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    child.on('close', (code) => resolve({ code, ...output }));
  });
}

describe('a process', () => {
  test('that does not close its adapter ends all the same, and nothing that it logged is lost', async () => {
    const directory = temporaryDirectory();
    const { code, stdout, stderr } = await run(
      `
      for (let index = 0; index < 900; index++) void adapter.logEvent(event(index));
      await adapter.logEvent(event(900));
      for (let index = 901; index < 1000; index++) void adapter.logEvent(event(index));
      console.log(adapter.publicKey);
    `,
      directory,
    );
    expect([code, stderr]).toEqual([0, '']);
    const { status, logs } = await verifyAuditLog(directory, { publicKey: stdout.trim() });
    expect([status, logs[0]?.clean]).toEqual(['authentic', false]);
    expect((await allOf(fileAdapter(directory).query())).map(({ sequence }) => sequence)).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  });

  test('that ends while its log waits does so, and the next one goes on with it', async () => {
    const directory = temporaryDirectory();
    for (const _run of [1, 2]) expect(await run('await adapter.logEvent(event(1));', directory)).toEqual({ code: 0, stdout: '', stderr: '' });
    const { status, logs } = await verifyAuditLog(directory);
    expect([status, logs.length, logs[0]?.notAuthenticated.length]).toEqual(['consistent', 1, 1]);
    expect(await allOf(fileAdapter(directory).query())).toHaveLength(2);
  });

  test('that closes it is left with nothing open', async () => {
    const { code, stdout } = await run(
      `
      await adapter.logEvent(event(1));
      await adapter.close();
      await new Promise((resolve) => setImmediate(resolve));
      console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap|CloseReq)$/.test(name))));
    `,
      temporaryDirectory(),
    );
    expect([code, stdout]).toEqual([0, '[]\n']);
  });
});
