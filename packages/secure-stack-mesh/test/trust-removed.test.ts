import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { TestAuthority } from './support/authority.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** 'payments' is of one CA, 'orders' of another; both trust both. */
async function ofTwoAuthorities() {
  const [one, other] = [new TestAuthority(bed.folder), new TestAuthority(bed.folder)];
  const [payments, orders] = [await one.files('payments'), await other.files('orders')];
  for (const { caFile } of [payments, orders]) writeFileSync(caFile, `${one.certPem}${other.certPem}`);
  const server = await bed.running({ serviceId: 'payments', host: '127.0.0.1', identity: payments });
  const client = await bed.running({
    serviceId: 'orders',
    host: '127.0.0.1',
    identity: orders,
    discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: server.port }] },
  });
  return { one, other, payments, server, client, calls: client.mesh.connect('payments') };
}

describe('a CA that live peers chain to is removed (PROTOCOL 6.4)', () => {
  test('their calls in flight end, then the session closes, audited with the reason; nobody of that CA gets in again', async () => {
    const { one, payments, server, client, calls } = await ofTwoAuthorities();
    let release: (answer: string) => void = () => {};
    server.mesh.handle('slow', () => new Promise((resolve) => (release = resolve)));
    const inFlight = calls.call('slow', {});
    await until('it is in flight', () => server.mesh.getStats().metrics.messagesReceived === 1 && client.mesh.getStats().sessions.activeSessions === 1);

    writeFileSync(payments.caFile, one.certPem);
    const revoked = await server.audit.waitFor('auth.revoked');
    expect(revoked).toMatchObject({ eventType: 'connection', targetServiceId: 'orders', details: { success: false, metadata: { peerId: 'spiffe://mesh.test/orders', reason: 'peer_untrusted' } } });
    expect((await server.audit.waitFor('identity.changed')).details.metadata).toMatchObject({ peerId: 'spiffe://mesh.test/payments' });

    release('done');
    expect(await inFlight).toBe('done');
    await server.audit.waitFor('connection.close');
    await expect(calls.call('slow', {}, { timeoutMs: 3_000 })).rejects.toMatchObject({ mayHaveRun: false });
    expect(server.mesh.getStats().metrics.messagesReceived).toBe(1);
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
