import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import * as fromSource from '../src/index.js';

const run = promisify(execFile);
const cwd = fileURLToPath(new URL('..', import.meta.url));
const NAME = '@lemur-bookstores/secure-stack-mesh';

/** Runs code against the built package, as a user would; what it prints as JSON. */
async function printed(code: string, ...flags: string[]): Promise<unknown> {
  const { stdout, stderr } = await run(process.execPath, [...flags, '-e', code], { cwd, env: { ...process.env, NODE_OPTIONS: '' } });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

describe('the built package', () => {
  test('import and require() give the same, without a warning', async () => {
    const print = 'console.log(JSON.stringify(Object.keys(mesh).sort()))';
    const imported = await printed(`const mesh = await import('${NAME}'); ${print}`, '--input-type=module');
    const required = await printed(`const mesh = { ...require('${NAME}') }; ${print}`);
    expect(imported).toEqual(Object.keys(fromSource).sort());
    expect(required).toEqual(imported);
    expect(imported).toEqual(
      expect.arrayContaining(['SecureMesh', 'HealthMonitor', 'AuditLogger', 'CryptoManager', 'ConsoleAdapter', 'MeshError', 'StaticDiscovery', 'LocalDiscovery', 'MemoryTransport',
        'CircuitBreaker', 'Retry', 'RateLimiter', 'ConcurrencyLimit', 'DeadlinePropagation']),
    );
  });

  // CloseReq: the loader closes the last module's file.
  test('importing and constructing do nothing: no handle, no file, no output', async () => {
    const code = `
      const { SecureMesh } = await import('${NAME}');
      const mesh = new SecureMesh({ serviceId: 'orders', port: 50051, paths: { keysDir: '/nowhere/keys', runtimeDir: '/nowhere/run' }, identity: { certFile: '/nowhere/c', keyFile: '/nowhere/k', caFile: '/nowhere/ca' } });
      mesh.connect('payments');
      mesh.handle('pay', () => 'paid');
      console.log(JSON.stringify({ stats: mesh.getStats().metrics.messagesSent, resources: process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap|CloseReq)$/.test(name)) }));`;
    expect(await printed(code, '--input-type=module')).toEqual({ stats: 0, resources: [] });
  });
});
