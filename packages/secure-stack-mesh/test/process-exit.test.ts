import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { Child } from './support/child.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const folders = { MESH_KEYS_DIR: bed.paths.keysDir, MESH_RUNTIME_DIR: bed.paths.runtimeDir };

interface Report {
  readonly answers: readonly unknown[];
  readonly health: string;
  /** What kept the event loop alive after cleanup(). */
  readonly resources: readonly string[];
  readonly endedAt: number;
}

async function expectExit(env: NodeJS.ProcessEnv): Promise<{ stderr: string }> {
  const child = bed.closing(new Child('exits-by-itself.mjs', { ...folders, ...env }, false));
  const { code, signal, stdout, stderr } = await child.ended;
  const exitedAt = Date.now();
  expect({ code, signal, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  const report = JSON.parse(stdout) as Report;
  expect(report).toMatchObject({ answers: [{ paid: 1 }, { paid: 2 }, { paid: 3 }], health: 'healthy', resources: [] });
  expect(exitedAt - report.endedAt).toBeLessThan(2_000);
  return { stderr };
}

describe('after cleanup() the process ends by itself, without an open handle', () => {
  test('without an adapter', async () => {
    expect((await expectExit({ ADAPTER: 'none' })).stderr).toBe('');
  }, 20_000);

  test('with the console adapter, which has shown everything by then', async () => {
    const { stderr } = await expectExit({ ADAPTER: 'console' });
    // Among them a warning of the operational log: nothing is durable here.
    const lines = stderr.trim().split('\n').map((line) => JSON.parse(line) as { details?: { action: string } });
    const actions = lines.map(({ details }) => details?.action);
    expect(actions.filter((action) => action === 'message.sent')).toHaveLength(3);
    expect(actions.filter((action) => action === 'system.stop')).toHaveLength(2);
  }, 20_000);

  test('with an adapter of one\'s own', async () => {
    expect((await expectExit({ ADAPTER: 'custom' })).stderr).toBe('');
  }, 20_000);

  test('with a peer that lives on, and hears that nothing was cut off', async () => {
    const payments = await bed.running({ serviceId: 'payments' });
    payments.mesh.handle<{ amount: number }>('pay', ({ amount }) => ({ paid: amount }));
    await expectExit({ ADAPTER: 'none', PEER_PORT: String(payments.port) });
    await payments.audit.waitFor('connection.close');
    expect(payments.audit.having('connection.truncated')).toEqual([]);
  }, 20_000);

  test('not before cleanup() is done, also where somebody holds a connection to the admin endpoint without a word', async () => {
    const child = bed.closing(new Child('held-while-closing.mjs', folders));
    const { adminPort } = await child.next<{ adminPort: number }>();
    const socket = connect(adminPort, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    // The endpoint has the connection once it has answered a later one.
    await (await fetch(`http://127.0.0.1:${adminPort}/health/live`)).text();
    child.tell('end');
    const { code, stdout, stderr } = await child.ended;
    socket.destroy();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim().split('\n').slice(-2)).toEqual(['audit.stop', 'cleaned up']);
  }, 20_000);
});
