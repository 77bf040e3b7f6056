import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { SessionLimits } from '@lemur-bookstores/mesh-core';
import { TestAuthority } from './support/authority.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** 'payments' is of one CA, 'orders' of another; both trust both. */
async function ofTwoAuthorities(limits: Partial<SessionLimits> = {}) {
  const [one, other] = [new TestAuthority(bed.folder), new TestAuthority(bed.folder)];
  const [payments, orders] = [await one.files('payments'), await other.files('orders')];
  for (const { caFile } of [payments, orders]) writeFileSync(caFile, `${one.certPem}${other.certPem}`);
  const server = await bed.running({ serviceId: 'payments', host: '127.0.0.1', identity: payments, limits });
  const client = await bed.running({
    serviceId: 'orders',
    host: '127.0.0.1',
    identity: orders,
    discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: server.port }] },
  });
  return { one, other, payments, orders, server, client, calls: client.mesh.connect('payments') };
}

describe('a CA that live peers chain to is removed (PROTOCOL 6.4)', () => {
  test('they are named before it hurts, their calls in flight end, then the session closes, audited with the reason; nobody of that CA gets in again', async () => {
    const { one, payments, server, client, calls } = await ofTwoAuthorities({ drainMs: 1_000 });
    let release: (answer: string) => void = () => {};
    server.mesh.handle('slow', () => new Promise((resolve) => (release = resolve)));
    const inFlight = calls.call('slow', {});
    await until('it is in flight', () => server.mesh.getStats().metrics.messagesReceived === 1 && client.mesh.getStats().sessions.activeSessions === 1);

    writeFileSync(payments.caFile, one.certPem);
    const removed = await server.audit.waitFor('identity.ca_removed');
    expect(removed).toMatchObject({ eventType: 'system', details: { success: false, metadata: { peers: ['spiffe://mesh.test/orders'], count: 1 } } });
    expect((await server.audit.waitFor('identity.changed')).details.metadata).toMatchObject({ peerId: 'spiffe://mesh.test/payments' });
    expect(server.log.join('\n')).toContain('put their CA back into the bundle');

    release('done');
    expect(await inFlight).toBe('done');
    expect((await server.audit.waitFor('connection.close')).details.metadata).toMatchObject({ cause: 'not_trusted' });
    const revoked = await server.audit.waitFor('auth.revoked');
    expect(revoked).toMatchObject({ eventType: 'connection', targetServiceId: 'orders', details: { success: false, metadata: { peerId: 'spiffe://mesh.test/orders', reason: 'peer_untrusted' } } });
    await expect(calls.call('slow', {}, { timeoutMs: 3_000 })).rejects.toMatchObject({ mayHaveRun: false });
    expect(server.mesh.getStats().metrics.messagesReceived).toBe(1);
  });

  test('one that has a certificate of another CA by then comes back, without a lost call, and is not audited as revoked', async () => {
    const { one, payments, orders, server, calls } = await ofTwoAuthorities({ drainMs: 1_000 });
    server.mesh.handle('echo', (input) => input);
    expect(await calls.call('echo', 1)).toBe(1);
    const { caFile } = orders;
    const both = readFileSync(caFile, 'utf8');
    await one.files('orders', {}, dirname(caFile));
    writeFileSync(caFile, both);
    // Its session stands on the old certificate still.
    await until('the client has it', () => calls.call('echo', 2).then((answer) => answer === 2));
    writeFileSync(payments.caFile, one.certPem);
    await server.audit.waitFor('identity.ca_removed');
    for (let i = 0; i < 20; i++) expect(await calls.call('echo', i)).toBe(i);
    await until('it is judged', () => server.audit.having('connection.open').length >= 2);
    expect(server.audit.having('auth.revoked')).toEqual([]);
  });

  test('a bundle that still vouches for them disturbs nobody', async () => {
    const { one, other, payments, server, calls } = await ofTwoAuthorities();
    server.mesh.handle('echo', (input) => input);
    expect(await calls.call('echo', 1)).toBe(1);
    writeFileSync(payments.caFile, `${new TestAuthority(bed.folder).certPem}${other.certPem}${one.certPem}`);
    await server.audit.waitFor('identity.changed');
    expect(await calls.call('echo', 2)).toBe(2);
    expect(server.audit.having('auth.revoked')).toEqual([]);
  });
});

test('a refused replacement is in the audit trail', async () => {
  const { payments, server } = await ofTwoAuthorities();
  writeFileSync(payments.certFile, 'garbage');
  expect((await server.audit.waitFor('identity.refused')).details).toMatchObject({ success: false, metadata: { reason: expect.any(String) } });
});
