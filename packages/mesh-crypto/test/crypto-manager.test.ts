import { X509Certificate } from 'node:crypto';
import { inspect } from 'node:util';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import {
  FakeClock,
  silentLogger,
  type ChannelHandshake,
  type IdentityChange,
  type IdentityMaterial,
  type Logger,
} from '@lemur-bookstores/mesh-interface';
import { CryptoManager } from '../src/crypto-manager.js';
import type { CryptoManagerOptions } from '../src/crypto-manager-options.js';
import { nodePrimitives } from '../src/primitives/node-primitives.js';
import { createAuthority } from './support/openssl-certificates.js';
import { channelOf, replyOf } from './support/parties.js';
import { ScriptedSource } from './support/scripted-source.js';
import { thrown } from './support/vectors.js';

const authority = createAuthority('example.org');
afterAll(() => authority.remove());
const order = authority.issue('order');
const renewedOrder = authority.issue('order');
const payment = authority.issue('payment');

const manager = (serviceId: string, identity: CryptoManagerOptions['identity'], more: Partial<CryptoManagerOptions> = {}): CryptoManager =>
  new CryptoManager({ serviceId, logger: silentLogger, ...(identity === undefined ? {} : { identity }), ...more });

const notAfterOf = ({ chain }: IdentityMaterial): number => Date.parse(new X509Certificate(chain[0]!).validTo);

/** Whom either end met. */
function connect(from: CryptoManager, to: CryptoManager, underWay?: ChannelHandshake): [string, string] {
  const dialled = underWay ?? from.dial({ serviceId: to.serviceId });
  const accepted = to.accept();
  const step = dialled.receive(replyOf(accepted.receive(dialled.start() ?? Buffer.alloc(0))));
  return [channelOf(step).peer.id, channelOf(accepted.receive(replyOf(step))).peer.id];
}

describe('options', () => {
  test.each(['', '.hidden', '-x', 'a/b', 'a b', 'a\n', 'ä', 'x'.repeat(64)])('serviceId %j is refused', (serviceId) => {
    expect(thrown(() => manager(serviceId, payment.files))).toMatchObject({ reason: 'invalid_option' });
  });

  test('every problem at once', () => {
    const broken = { serviceId: '', suite: 'none', primitives: 'own', clockSkewMs: -1 } as unknown as CryptoManagerOptions;
    const { details } = thrown(() => new CryptoManager(broken)) as { details: { problems: string[] } };
    expect(details.problems.map((problem) => problem.split(':')[0])).toEqual(['serviceId', 'primitives', 'suite', 'clockSkewMs']);
  });

  test('identity is required once it is needed', async () => {
    const lonely = manager('order', undefined);
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(lonely.load()).rejects.toMatchObject({ reason: 'identity_required', code: 'FAILED_PRECONDITION' });
    }
  });
});

describe('life cycle', () => {
  test('loads lazily, once, however often it is asked', async () => {
    const source = new ScriptedSource(order.material);
    const crypto = manager('order', source);
    expect(source.loads).toBe(0);
    for (const call of [() => crypto.id, () => crypto.identity, () => crypto.dial({ serviceId: 'x' }), () => crypto.accept()]) {
      expect(thrown(call)).toMatchObject({ reason: 'not_initialized' });
    }
    await Promise.all([crypto.load(), crypto.load()]);
    await crypto.load();
    expect([source.loads, source.watchers]).toEqual([1, 1]);
    expect(crypto.id).toBe('spiffe://example.org/order');
    crypto.close();
  });

  test('a failed load can be tried again', async () => {
    const source = new ScriptedSource(order.material);
    source.failure = new Error('not yet');
    const crypto = manager('order', source);
    await expect(crypto.load()).rejects.toThrow('not yet');
    source.failure = undefined;
    await crypto.load();
    expect([source.loads, crypto.id]).toEqual([2, 'spiffe://example.org/order']);
    crypto.close();
  });

  test('regression: a watch that cannot begin is a failed load, and the next one tries again', async () => {
    const source = new ScriptedSource(order.material);
    source.watchFailure = new Error('no watch');
    const crypto = manager('order', source);
    let destroyed = 0;
    const { generateKeyPair } = nodePrimitives;
    const spy = jest.spyOn(nodePrimitives, 'generateKeyPair').mockImplementation(() => {
      const pair = generateKeyPair();
      return { publicKey: pair.publicKey, dh: (publicKey) => pair.dh(publicKey), destroy: () => void (destroyed++, pair.destroy()) };
    });
    for (let attempt = 1; attempt <= 2; attempt++) {
      await expect(crypto.load()).rejects.toThrow('no watch');
      expect(thrown(() => crypto.dial({ serviceId: 'payment' }))).toMatchObject({ reason: 'not_initialized' });
      expect(destroyed).toBe(attempt);
    }
    spy.mockRestore();
    source.watchFailure = undefined;
    await crypto.load();
    expect([source.loads, source.watchers, crypto.id]).toEqual([3, 1, 'spiffe://example.org/order']);
    crypto.close();
  });

  test("regression: another service's certificate is one warning at the load, with both ids and the way out", async () => {
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (message) => warnings.push(message) };
    const [own, mistaken] = [manager('order', new ScriptedSource(order.material), { logger }), manager('order', new ScriptedSource(payment.material), { logger })];
    await own.load();
    expect(warnings).toEqual([]);
    await mistaken.load();
    await mistaken.load();
    expect(warnings).toEqual([
      "the certificate is for spiffe://example.org/payment, this service is 'order': peers that dial 'order' expect spiffe://example.org/order " +
        'and will refuse it, unless their services[].spiffeId says spiffe://example.org/payment',
    ]);
    own.close();
    mistaken.close();
  });

  test('a chain that no peer would take is refused', async () => {
    const chain = Array.from({ length: 9 }, () => Buffer.alloc(10));
    const crypto = manager('order', new ScriptedSource({ ...order.material, chain }));
    await expect(crypto.load()).rejects.toMatchObject({ reason: 'identity_invalid' });
  });

  test('close: ends the watch, forgets everything, cannot be undone', async () => {
    const source = new ScriptedSource(order.material);
    const crypto = manager('order', source);
    await crypto.load();
    const handshake = crypto.dial({ serviceId: 'payment' });
    crypto.close();
    crypto.close();
    expect(source.watchers).toBe(0);
    source.change(renewedOrder.material);
    expect(thrown(() => crypto.dial({ serviceId: 'payment' }))).toMatchObject({ reason: 'mesh_closed' });
    await expect(crypto.load()).rejects.toMatchObject({ reason: 'mesh_closed' });
    handshake.destroy();
  });

  test('close while it loads', async () => {
    const source = new ScriptedSource(order.material);
    const crypto = manager('order', source);
    const loading = crypto.load();
    crypto.close();
    await expect(loading).rejects.toMatchObject({ reason: 'mesh_closed' });
    expect(source.watchers).toBe(0);
    expect(thrown(() => crypto.id)).toMatchObject({ reason: 'mesh_closed' });
  });
});

describe('handshakes', () => {
  test('from certificate files, with either primitives and suite', async () => {
    for (const [primitives, suite] of [['node', 'aesgcm'], ['noble', 'chachapoly'], ['node', 'chachapoly']] as const) {
      const clock = new FakeClock(Date.now());
      const [from, to] = [manager('order', order.files, { primitives, suite, clock }), manager('payment', payment.files, { clock })];
      await Promise.all([from.load(), to.load()]);
      expect(connect(from, to)).toEqual(['spiffe://example.org/payment', 'spiffe://example.org/order']);
      from.close();
      to.close();
    }
  });

  test('a dialled id that is none is refused', async () => {
    const crypto = manager('order', new ScriptedSource(order.material));
    await crypto.load();
    for (const serviceId of ['', '../x', 'a b']) {
      expect(thrown(() => crypto.dial({ serviceId }))).toMatchObject({ reason: 'invalid_option' });
    }
    crypto.close();
  });

  test('pins of a peer that dials in', async () => {
    const [from, to] = [manager('order', new ScriptedSource(order.material)), manager('payment', new ScriptedSource(payment.material))];
    await Promise.all([from.load(), to.load()]);
    const dialled = from.dial({ serviceId: 'payment' });
    const accepted = to.accept((id) => (id.endsWith('/order') ? ['B'.repeat(43)] : undefined));
    const third = replyOf(dialled.receive(replyOf(accepted.receive(dialled.start() ?? Buffer.alloc(0)))));
    expect(thrown(() => accepted.receive(third))).toMatchObject({ reason: 'pin_mismatch' });
    from.close();
    to.close();
  });

  test('the clock and the skew that were given decide about dates', async () => {
    const late = { clock: new FakeClock(Date.now() + 86_400_000 + 300_000) };
    const to = manager('payment', new ScriptedSource(payment.material));
    const strict = manager('order', new ScriptedSource(order.material), late);
    const lenient = manager('order', new ScriptedSource(order.material), { ...late, clockSkewMs: 600_000 });
    await Promise.all([to.load(), strict.load(), lenient.load()]);
    expect(thrown(() => connect(strict, to))).toMatchObject({ reason: 'certificate_expired' });
    expect(connect(lenient, to)[0]).toBe('spiffe://example.org/payment');
    for (const each of [to, strict, lenient]) each.close();
  });
});

describe('a changed identity', () => {
  test('serves new handshakes and tells the listeners; handshakes under way keep theirs', async () => {
    const source = new ScriptedSource(order.material);
    const [from, to] = [manager('order', source), manager('payment', new ScriptedSource(payment.material))];
    await Promise.all([from.load(), to.load()]);
    const told: IdentityChange[] = [];
    const end = from.onIdentityChange((change) => told.push(change));
    const underWay = from.dial({ serviceId: 'payment' });
    source.change(renewedOrder.material);
    expect(from.identity).toBe(renewedOrder.material);
    expect(connect(from, to)[1]).toBe('spiffe://example.org/order');
    expect(connect(from, to, underWay)[1]).toBe('spiffe://example.org/order');
    end();
    source.change(order.material);
    expect(told).toEqual([{ type: 'changed', id: 'spiffe://example.org/order', notAfter: notAfterOf(renewedOrder.material), trustChanged: false }]);
    expect(from.notAfter).toBe(notAfterOf(order.material));
    from.close();
    to.close();
  });

  test('another bundle, or another CA behind the leaf: trust has changed, and every session needs a new handshake', async () => {
    const rolled = createAuthority('example.org');
    try {
      const both = [order.material.trustBundle[0] as Uint8Array, rolled.certificate];
      const source = new ScriptedSource(order.material);
      const crypto = manager('order', source);
      await crypto.load();
      const changes: boolean[] = [];
      crypto.onIdentityChange((change) => void (change.type === 'changed' && changes.push(change.trustChanged)));
      source.change({ ...order.material, trustBundle: both });
      source.change({ ...order.material, trustBundle: [...both].reverse() });
      source.change({ ...rolled.issue('order').material, trustBundle: both });
      source.change({ ...rolled.issue('order').material, trustBundle: both });
      source.change({ ...rolled.issue('order').material, trustBundle: [rolled.certificate] });
      expect(changes).toEqual([true, false, true, false, true]);
      crypto.close();
    } finally {
      rolled.remove();
    }
  });

  test('refused by the source, or with another id: the last good one stays, with a warning', async () => {
    const warnings: unknown[] = [];
    const logger: Logger = { ...silentLogger, warn: (message, fields) => warnings.push([message, fields]) };
    const source = new ScriptedSource(order.material);
    const crypto = manager('order', source, { logger });
    await crypto.load();
    const told: IdentityChange[] = [];
    crypto.onIdentityChange((change) => told.push(change));
    source.refuse(new Error('half written'));
    source.change(payment.material);
    source.change({ ...order.material, chain: [] });
    source.change({ ...order.material, chain: [Buffer.alloc(10)] });
    expect(told).toMatchObject([
      { type: 'refused', error: { reason: 'unexpected' } },
      { type: 'refused', error: { reason: 'identity_invalid' } },
      { type: 'refused', error: { reason: 'identity_invalid' } },
      { type: 'refused', error: { reason: 'identity_invalid' } },
    ]);
    expect(crypto.identity).toBe(order.material);
    expect(warnings).toHaveLength(4);
    crypto.close();
  });

  test('a listener that throws, or rejects later, is logged and hurts nobody', async () => {
    const errors: unknown[] = [];
    const logger: Logger = { ...silentLogger, error: (message, fields) => errors.push([message, fields]) };
    const source = new ScriptedSource(order.material);
    const crypto = manager('order', source, { logger });
    await crypto.load();
    const told: string[] = [];
    crypto.onIdentityChange(() => { throw new Error('mine'); });
    // An unhandled rejection would end the test's process.
    crypto.onIdentityChange(async () => {
      await Promise.resolve();
      throw new Error('late');
    });
    crypto.onIdentityChange(({ type }) => told.push(type));
    source.change(renewedOrder.material);
    expect(told).toEqual(['changed']);
    await new Promise((resolve) => setImmediate(resolve));
    source.refuse(new Error('half written'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['changed', 'refused']);
    const entry = (text: string): unknown => ['a listener for identity changes failed', { reason: `unexpected: ${text}` }];
    expect(errors).toEqual([entry('mine'), entry('late'), entry('mine'), entry('late')]);
    crypto.close();
  });
});

test('the self-test needs nothing loaded', () => {
  expect(() => manager('order', undefined).selfTest()).not.toThrow();
});

test('nothing secret is printed', async () => {
  const crypto = manager('order', new ScriptedSource(order.material));
  await crypto.load();
  const printed = inspect(crypto, { depth: 9, showHidden: true }) + JSON.stringify(crypto);
  const secret = order.material.privateKey.export({ format: 'jwk' }).d ?? '';
  expect(secret.length).toBeGreaterThan(40);
  expect(printed).not.toContain(secret);
  expect(printed).not.toContain('PRIVATE');
  crypto.close();
});
