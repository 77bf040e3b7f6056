import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { createHash, createPublicKey } from 'node:crypto';
import { SecureMesh } from '../src/secure-mesh.js';
import { TestAuthority } from './support/authority.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
const environment = process.env['NODE_ENV'];
afterEach(async () => {
  if (environment === undefined) delete process.env['NODE_ENV'];
  else process.env['NODE_ENV'] = environment;
  await bed.close();
});
afterAll(() => bed.remove());

const localDomain = (keysDir: string): string => {
  const spki = createPublicKey(readFileSync(join(keysDir, 'local-ca.pem'))).export({ type: 'spki', format: 'der' });
  return `local-${createHash('sha256').update(spki).digest('hex').slice(0, 16)}`;
};

// PROTOCOL 6.3: the exact texts a newcomer meets.
describe('a call to', () => {
  test('a service that nobody runs says where it was looked for, within 2 s', async () => {
    const { mesh } = await bed.running({ serviceId: 'orders' });
    const startedAt = performance.now();
    await expect(mesh.connect('nobody').call('x', {})).rejects.toMatchObject({
      code: 'NOT_FOUND',
      reason: 'unknown_service',
      message: `unknown_service: no 'nobody' in ${bed.paths.runtimeDir}; local discovery sees only this user on this filesystem; in containers set discovery and identity`,
      mayHaveRun: false,
    });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test('a service with other keys says whose trust domain is whose, on the own side only', async () => {
    const elsewhere = join(bed.folder, 'other-keys');
    const payments = await bed.running({ serviceId: 'payments', paths: { ...bed.paths, keysDir: elsewhere } });
    const orders = await bed.running({ serviceId: 'orders' });
    const [own, peer] = [localDomain(bed.paths.keysDir), localDomain(elsewhere)].map((domain) => `${domain.slice(0, 'local-ab12'.length)}…`);
    const message = `peer_untrusted: the peer's trust domain is ${peer}, ours ${own}: share keysDir or set identity (secure-stack-mesh ca init)`;

    await expect(orders.mesh.connect('payments').call('pay', {})).rejects.toMatchObject({ code: 'UNAUTHENTICATED', reason: 'peer_untrusted', message, mayHaveRun: false });
    const event = await orders.audit.waitFor('auth.failed', 'peer_untrusted');
    expect(event.details.error).toBe(message);
    expect(orders.log.join('\n')).toContain(message);

    const refused = await payments.audit.waitFor('connection.refused');
    expect(refused.details.error).toBe('handshake_rejected: the peer hung up during the handshake');
    expect(JSON.stringify(payments.audit.events) + payments.log.join()).not.toContain('trust domain is');
  });

  test('a service that does not trust us learns nothing but that: the reason is in the other\'s log', async () => {
    const ours = new TestAuthority(bed.folder);
    const payments = await bed.running({
      serviceId: 'payments',
      host: '127.0.0.1',
      identity: await ours.files('payments'),
      // A pin that no key has.
      discovery: { services: [{ id: 'orders', host: '127.0.0.1', port: 1, publicKey: 'A'.repeat(43) }] },
    });
    const orders = await bed.running({
      serviceId: 'orders',
      host: '127.0.0.1',
      identity: await ours.files('orders'),
      discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: payments.port }] },
    });
    await expect(orders.mesh.connect('payments').call('pay', {})).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'no_endpoint',
      message: expect.stringMatching(/one said: handshake_rejected: the peer hung up .*it may not trust this service; its own log and audit say why$/),
      mayHaveRun: false,
    });
    await payments.audit.waitFor('auth.failed', 'pin_mismatch');
    expect(orders.audit.events.map(({ details }) => details.error).join()).not.toContain('pin');
  });
});

describe('in production', () => {
  test('no identity is refused: identity_required says what to set', async () => {
    process.env['NODE_ENV'] = 'production';
    const { mesh } = bed.mesh({ serviceId: 'orders' });
    await expect(mesh.initialize()).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'identity_required',
      message:
        'identity_required: NODE_ENV is production and no identity is set: give identity: { certFile, keyFile, caFile } (secure-stack-mesh ca init makes them), or identity: { local: true } if trusting this user on this machine is what you want',
    });
    expect(mesh.port).toBeUndefined();
    expect((await mesh.healthCheck()).status).toBe('unhealthy');
  });

  test('the local trust domain, asked for by name, starts with a warning and a system event', async () => {
    process.env['NODE_ENV'] = 'production';
    const { audit, log, port } = await bed.running({ serviceId: 'orders', identity: { local: true } });
    expect(port).toBeGreaterThan(0);
    expect(log.filter((line) => line.startsWith('warn'))).toEqual([expect.stringContaining('local trust domain')]);
    expect(await audit.waitFor('system.local_trust_domain')).toMatchObject({ eventType: 'system', serviceId: 'orders', details: { success: true } });
  });

  test('elsewhere it starts without either', async () => {
    const { audit, log } = await bed.running({ serviceId: 'orders', identity: { local: true } });
    await audit.waitFor('system.start');
    expect(log).toEqual([]);
    expect(audit.having('system.local_trust_domain')).toEqual([]);
  });
});

describe('a folder that others can get at', () => {
  test.each([
    ['keysDir', 'keys_dir_unsafe', 0o755],
    ['runtimeDir', 'runtime_dir_unsafe', 0o777],
  ] as const)('%s: %s, with what to do', async (name, reason, mode) => {
    const folder = join(bed.folder, `open-${name}`);
    mkdirSync(folder);
    chmodSync(folder, mode);
    const { mesh } = bed.mesh({ serviceId: 'orders', paths: { ...bed.paths, [name]: folder } });
    await expect(mesh.initialize()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason, message: expect.stringMatching(new RegExp(`${folder}.*chmod 700`)) });
    expect(mesh.port).toBeUndefined();
    // What the operator mends can be tried again.
    chmodSync(folder, 0o700);
    await mesh.initialize();
    expect(mesh.port).toBeGreaterThan(0);
  });
});

test('a mesh in production needs no folder to say so: nothing is written before the refusal', async () => {
  process.env['NODE_ENV'] = 'production';
  const keysDir = join(bed.folder, 'never-made');
  const mesh = bed.closing(new SecureMesh({ serviceId: 'orders', port: 0, paths: { keysDir } }));
  await expect(mesh.initialize()).rejects.toMatchObject({ reason: 'identity_required' });
  expect(() => readFileSync(join(keysDir, 'local-ca.pem'))).toThrow('ENOENT');
});
