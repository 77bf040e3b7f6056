import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import type { SecureMeshOptions } from '../src/options.js';
import { TestAuthority } from './support/authority.js';
import { Disk } from './support/disk.js';
import { dialAsRogue } from './support/rogue.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MINUTE = 60_000;

describe('rotateKeys()', () => {
  test('before initialize() and after cleanup() there is nothing to rotate; a reason that is none is told', async () => {
    const { mesh } = bed.mesh({ serviceId: 'orders' });
    await expect(mesh.rotateKeys()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'not_initialized' });
    await mesh.initialize();
    await expect(mesh.rotateKeys({ reason: 'boredom' as 'manual' })).rejects.toMatchObject({ reason: 'invalid_option', message: expect.stringContaining('reason: ') });
    await mesh.cleanup();
    await expect(mesh.rotateKeys()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'mesh_closed' });
  });

  test('the trail has the own keys from system.start to system.stop, and each static key by its name', async () => {
    const { mesh, audit } = await bed.running({ serviceId: 'orders', security: { sessionTimeout: 2 * DAY } });
    const first = mesh.crypto.staticKeyId;
    const result = await mesh.rotateKeys({ reason: 'certificate' });
    expect(result).toMatchObject({ previousKeyId: first, keyId: mesh.crypto.staticKeyId, trigger: 'certificate', sessionsEnded: 0, sessionsLeft: 0 });
    await mesh.cleanup();
    const keys = audit.events.filter(({ eventType, details }) => eventType === 'key_rotation' || details.action.startsWith('system.'));
    expect(keys.map(({ details }) => [details.action, details.metadata?.['keyType'], details.metadata?.['keyId']])).toEqual([
      ['system.start', undefined, undefined],
      ['key.activated', 'static', first],
      ['key.activated', 'certificate', expect.any(String)],
      ['key.rotated', 'static', result.keyId],
      ['key.retired', 'static', result.keyId],
      ['key.retired', 'certificate', keys[2]?.details.metadata?.['keyId']],
      ['system.stop', undefined, undefined],
    ]);
    expect(keys[3]?.details.metadata).toMatchObject({ policy: { intervalMs: 2 * DAY, source: 'option' }, retired: { destroyed: true } });
  });

  test('fail-closed and no durable sink: rejected, the old key stays, and the trail says so once it can', async () => {
    const disk = new Disk();
    const { mesh } = await bed.running({ serviceId: 'orders', monitoring: { adapters: [disk], delivery: { key_rotation: 'fail-closed' } } });
    const before = mesh.crypto.staticKeyId;
    disk.becomes('full', 'key.rotated');
    await expect(mesh.rotateKeys()).rejects.toMatchObject({ reason: 'audit_unavailable' });
    expect(mesh.crypto.staticKeyId).toBe(before);
    disk.recovers();
    await mesh.rotateKeys();
    expect(mesh.crypto.staticKeyId).not.toBe(before);
    expect(disk.actions('key.ro')).toEqual(['key.rotation_failed', 'key.rotated']);
  });
});

describe('live sessions', () => {
  /** 'orders' calls 'payments' as long as it is told to, and both can be seen through. */
  async function calling(options: Partial<SecureMeshOptions> = {}) {
    const clock = new FakeClock(Date.now());
    const common = { clock, limits: { idlePingMs: 100 * HOUR }, ...options };
    const server = bed.mesh({ serviceId: 'payments', ...common });
    server.mesh.handle('pay', (input) => input);
    await server.mesh.initialize();
    const client = await bed.running({ serviceId: 'orders', ...common });
    const calls = client.mesh.connect('payments');
    const answers: unknown[] = [];
    let sent = 0;
    const call = async (): Promise<void> => {
      const number = sent++;
      answers.push((await calls.call('pay', { number, text: 'x'.repeat(number % 7 === 0 ? 400_000 : 10) }) as { number: number }).number);
    };
    await call();
    /** Lets time pass, with calls in flight all the while. */
    const passing = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 500) {
        const inFlight = [call(), call(), call()];
        await clock.advance(500);
        await Promise.all(inFlight);
      }
    };
    const opened = (): number => server.audit.having('connection.open').length;
    const expectAllAnswered = (): void => {
      expect([...answers].sort((one, other) => Number(one) - Number(other))).toEqual(Array.from({ length: sent }, (_, index) => index));
      expect(client.mesh.getStats().metrics).toMatchObject({ messagesFailed: 0, messagesSent: sent });
    };
    return { clock, server, client, call, passing, opened, expectAllAnswered };
  }

  /** Runs to its end while time passes. */
  async function during<T>(work: Promise<T>, pass: () => Promise<void>): Promise<T> {
    let done = false;
    const result = work.finally(() => (done = true));
    await until('it is through', async () => {
      await pass();
      return done;
    });
    return result;
  }

  test.each(['client', 'server'] as const)('the %s rotates under calls: in band at once, then by another handshake with the new key; no call fails', async (who) => {
    const made = await calling();
    const { server, client, passing, opened } = made;
    const result = await during(made[who].mesh.rotateKeys(), () => passing(500));
    expect(result).toMatchObject({ sessionsRekeyed: 1, sessionsEnded: 0, sessionsLeft: 0 });
    expect([opened(), server.mesh.metrics().rekeys, client.mesh.metrics().rekeys]).toEqual([1, 1, 1]);
    await passing(10_000);
    expect(opened()).toBe(2);
    await until('the first session has ended at both ends', async () => {
      await passing(500);
      return [server, client].every(({ audit }) => audit.having('connection.close').length === 1);
    });
    made.expectAllAnswered();
  });

  test('a compromise: another handshake at once, and no call fails', async () => {
    const made = await calling();
    const { server, passing, opened } = made;
    const before = server.mesh.crypto.staticKeyId;
    const rotating = server.mesh.rotateKeys({ reason: 'compromise' });
    await until('the key is destroyed', () => server.mesh.crypto.staticKeyId !== before);
    const result = await during(rotating, () => passing(500));
    expect(result).toMatchObject({ trigger: 'compromise', sessionsRekeyed: 1, sessionsLeft: 0 });
    expect(result.durationMs).toBeLessThan(10_000);
    expect(opened()).toBe(2);
    made.expectAllAnswered();
    expect(server.audit.having('key.rotated').at(-1)?.details.metadata).toMatchObject({ keyType: 'static', trigger: 'compromise', previousKeyId: before });
  });

  test('a compromise: a peer that does no other handshake is closed after 10 s', async () => {
    const clock = new FakeClock(Date.now());
    const authority = new TestAuthority(bed.folder);
    const server = bed.mesh({ serviceId: 'payments', host: '127.0.0.1', clock, identity: await authority.files('payments'), limits: { idlePingMs: 100 * HOUR } });
    // Its session does not end by itself: an answer is owed.
    server.mesh.handle('steal', () => new Promise(() => undefined));
    await server.mesh.initialize();
    const { stranger } = await dialAsRogue(server.mesh.port as number, authority.material('orders'), 'spiffe://mesh.test/payments');
    let ended = false;
    void stranger.ended.then(() => (ended = true));
    await server.audit.waitFor('connection.open');
    const rotating = server.mesh.rotateKeys({ reason: 'compromise' });
    await clock.advance(9_900);
    expect(ended).toBe(false);
    await clock.advance(200);
    expect(await rotating).toMatchObject({ sessionsRekeyed: 0, sessionsEnded: 1, sessionsLeft: 0 });
    await stranger.ended;
  });

  test.each(['payments', 'orders'])('a compromise of %s: a handshake that was done, but whose session had not begun, leads to none', async (who) => {
    const disk = new Disk();
    const held = { monitoring: { adapters: [disk], delivery: { key_rotation: 'fail-closed' } } } as const;
    const server = await bed.running({ serviceId: 'payments', ...(who === 'payments' ? held : {}) });
    server.mesh.handle('pay', () => 'paid');
    const client = await bed.running({ serviceId: 'orders', ...(who === 'orders' ? held : {}) });
    const { mesh, audit } = who === 'payments' ? server : client;
    const sessionKeys = (action: string): unknown[] => audit.having(action).flatMap(({ details: { metadata } }) => (metadata?.['keyType'] === 'session' ? [metadata['keyId']] : []));
    await until('the own keys are told of', () => disk.actions('key.activated').length === 2);
    disk.becomes('hangs', 'key.activated');
    const answer = client.mesh.connect('payments').call('pay', {}, { timeoutMs: 20_000 });
    await until('its session waits for the trail', () => sessionKeys('key.activated').length === 1);
    const before = mesh.crypto.staticKeyId;
    const rotating = mesh.rotateKeys({ reason: 'compromise' });
    await until('the key is destroyed', () => mesh.crypto.staticKeyId !== before);
    disk.recovers();
    expect([await answer, (await rotating).sessionsLeft]).toEqual(['paid', 0]);
    expect(sessionKeys('key.activated')).toHaveLength(2);
    expect(sessionKeys('key.retired')).toEqual(sessionKeys('key.activated').slice(0, 1));
    expect(audit.having('connection.open')).toHaveLength(1);
  });

  test('before they are as old as security.sessionTimeout are replaced, also where keys are not rotated by time; no call fails', async () => {
    const { server, client, passing, expectAllAnswered } = await calling({ security: { sessionTimeout: MINUTE }, rotation: { autoRotate: false } });
    const staticKeys = [server, client].map(({ mesh }) => mesh.crypto.staticKeyId);
    const closes = () => client.audit.having('connection.close');
    await until('two have been', async () => {
      await passing(500);
      return closes().length >= 2;
    });
    for (const { details } of closes()) expect(details.metadata).toMatchObject({ by: 'us', cause: 'session_timeout' });
    // From 85 % of it on; its last calls may take as long as a drain.
    for (const { details: { duration = 0 } } of closes()) expect([duration >= 0.85 * MINUTE, duration <= MINUTE + 10_000]).toEqual([true, true]);
    expect([server, client].map(({ mesh }) => mesh.crypto.staticKeyId)).toEqual(staticKeys);
    expectAllAnswered();
  });

  test('wall clocks that jump by an hour and a day, forth and back: no session notices', async () => {
    const { clock, server, client, passing, opened, expectAllAnswered } = await calling();
    for (const jump of [HOUR, -HOUR, DAY, -DAY]) {
      clock.jump(jump);
      await passing(1_000);
    }
    expect([opened(), server.audit.having('connection.close'), client.audit.having('connection.close')]).toEqual([1, [], []]);
    expectAllAnswered();
  });

  test.each([['forth', 3 * DAY], ['back', -3 * DAY]])('wall clocks that jump %s so far that both ends have other certificates: no session notices, none is called untrusted', async (_where, jump) => {
    const { clock, server, client, passing, opened, expectAllAnswered } = await calling();
    clock.jump(jump);
    // A new leaf within a minute; who does not verify then is judged 10 s later.
    await passing(MINUTE + 15_000);
    for (const { audit } of [server, client]) {
      expect(audit.having('identity.changed')).toHaveLength(1);
      expect([audit.having('auth.revoked'), audit.having('connection.close')]).toEqual([[], []]);
    }
    expect(opened()).toBe(1);
    expectAllAnswered();
  });
});

describe('by time', () => {
  test('the static key is rotated within security.sessionTimeout, and never overdue', async () => {
    const clock = new FakeClock(Date.now());
    const { mesh, audit } = await bed.running({ serviceId: 'orders', clock, security: { sessionTimeout: 10 * MINUTE } });
    await clock.advance(50 * MINUTE);
    const rotations = audit.having('key.rotated').filter(({ details }) => details.metadata?.['keyType'] === 'static');
    expect(rotations.length).toBeGreaterThanOrEqual(5);
    expect(rotations.every(({ details }) => details.metadata?.['trigger'] === 'interval')).toBe(true);
    expect(audit.having('key.overdue')).toEqual([]);
    expect((await mesh.health.runCheck('crypto'))?.details).toMatchObject({ staticKey: { keyId: mesh.crypto.staticKeyId, intervalMs: 10 * MINUTE, overdue: false } });
    await mesh.cleanup();
    const told = audit.events.length;
    await clock.advance(50 * MINUTE);
    expect(audit.events).toHaveLength(told);
  });

  test('one that should have been rotated and was not: an event, once, and the check crypto is degraded', async () => {
    const clock = new FakeClock(Date.now());
    const disk = new Disk();
    const { mesh } = await bed.running({ serviceId: 'orders', clock, security: { sessionTimeout: 10 * MINUTE }, monitoring: { adapters: [disk], delivery: { key_rotation: 'fail-closed' } } });
    disk.becomes('full', 'key.rotated');
    await clock.advance(20 * MINUTE);
    expect(disk.events.filter(({ details }) => details.action === 'key.overdue')).toMatchObject([{ details: { success: false, metadata: { keyType: 'static', keyId: mesh.crypto.staticKeyId } } }]);
    expect(await mesh.health.runCheck('crypto')).toMatchObject({ status: 'degraded', error: expect.stringContaining('static key'), details: { staticKey: { overdue: true } } });
    const before = mesh.crypto.staticKeyId;
    disk.recovers();
    await until('it is rotated', async () => {
      await clock.advance(10_000);
      return mesh.crypto.staticKeyId !== before;
    });
    expect(await mesh.health.runCheck('crypto')).toMatchObject({ status: 'healthy' });
  });

  test('rotation.autoRotate: false leaves it, and nothing is overdue', async () => {
    const clock = new FakeClock(Date.now());
    const { mesh, audit } = await bed.running({ serviceId: 'orders', clock, security: { sessionTimeout: 10 * MINUTE }, rotation: { autoRotate: false } });
    const before = mesh.crypto.staticKeyId;
    await clock.advance(HOUR);
    expect([mesh.crypto.staticKeyId, audit.having('key.rotated'), audit.having('key.overdue')]).toEqual([before, [], []]);
  });
});

describe('the own certificate', () => {
  test('of the local trust domain is renewed at 60 % of its life, again and again, also after jumps of the wall clock', async () => {
    const clock = new FakeClock(Date.now());
    const { mesh, audit } = await bed.running({ serviceId: 'orders', clock });
    const renewals = () => audit.having('key.rotated').filter(({ details }) => details.metadata?.['keyType'] === 'certificate');
    for (let renewal = 1; renewal <= 3; renewal++) {
      // By the wall clock, which a machine that wakes up finds somewhere else.
      clock.jump(0.54 * DAY);
      await clock.advance(MINUTE);
      expect(renewals()).toHaveLength(renewal - 1);
      clock.jump(0.12 * DAY);
      await clock.advance(MINUTE);
      expect(renewals()).toHaveLength(renewal);
    }
    for (const jump of [HOUR, -HOUR, DAY, -DAY]) {
      clock.jump(jump);
      await clock.advance(MINUTE);
      expect(mesh.crypto.certificateState().state).toBe('valid');
    }
    expect([audit.having('key.overdue'), (await mesh.health.runCheck('crypto'))?.status]).toEqual([[], 'healthy']);
    const chain = renewals().map(({ details }) => details.metadata as { keyId: string; previousKeyId: string });
    expect(chain.slice(1).map(({ previousKeyId }) => previousKeyId)).toEqual(chain.slice(0, -1).map(({ keyId }) => keyId));
  });

  test('from files, not replaced in time: an event at 20 %, degraded; once it has ended new handshakes fail by name, live sessions go on', async () => {
    const clock = new FakeClock(Date.now());
    const authority = new TestAuthority(bed.folder);
    const life = { ttlMs: 10 * HOUR };
    const server = await bed.running({ serviceId: 'payments', host: '127.0.0.1', clock, identity: await authority.files('payments', life), limits: { idlePingMs: 100 * HOUR } });
    server.mesh.handle('pay', () => 'paid');
    const client = await bed.running({
      serviceId: 'orders', host: '127.0.0.1', clock, identity: await authority.files('orders', { ttlMs: 100 * HOUR }), limits: { idlePingMs: 100 * HOUR },
      discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: server.port }] },
    });
    const calls = client.mesh.connect('payments');
    expect(await calls.call('pay', {})).toBe('paid');
    clock.jump(8.5 * HOUR);
    await clock.advance(MINUTE);
    expect((await server.audit.waitFor('key.overdue')).details.metadata).toMatchObject({ keyType: 'certificate' });
    expect(await server.mesh.health.runCheck('crypto')).toMatchObject({ status: 'degraded', error: expect.stringContaining('renew it'), details: { certificate: { state: 'expiring', daysLeft: 0 } } });

    clock.jump(DAY);
    await clock.advance(1_000);
    expect(await calls.call('pay', {})).toBe('paid');
    expect(await server.mesh.health.runCheck('crypto')).toMatchObject({ status: 'unhealthy' });
    const late = await bed.running({
      serviceId: 'reports', host: '127.0.0.1', clock, identity: await authority.files('reports', { ttlMs: 100 * HOUR }),
      discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: server.port }] },
    });
    await expect(late.mesh.connect('payments').call('pay', {})).rejects.toMatchObject({ reason: 'certificate_expired' });
    expect(server.audit.having('key.overdue')).toHaveLength(1);
  });
});
