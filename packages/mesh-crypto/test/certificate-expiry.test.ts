import { beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger, type IdentityMaterial, type Logger } from '@lemur-bookstores/mesh-interface';
import { CryptoManager } from '../src/crypto-manager.js';
import { DOMAIN, HOUR, LEAF_ID, make, makeCa, NOW } from './support/certificate-maker.js';
import { ScriptedSource } from './support/scripted-source.js';
import { thrown } from './support/vectors.js';

const root = makeCa('root', { notAfter: NOW + 100_000 * HOUR });
const materialUntil = (notAfter: number, notBefore = NOW): IdentityMaterial => {
  const leaf = make({ notBefore, notAfter }, root);
  return { id: LEAF_ID, trustDomain: DOMAIN, chain: [leaf.der], privateKey: leaf.keys.privateKey, trustBundle: [root.der] };
};

let clock: FakeClock;
let said: string[];
const logger: Logger = { ...silentLogger, warn: (message) => said.push(`warn: ${message}`), error: (message) => said.push(`error: ${message}`) };
const SOON = 'warn: the own certificate ends soon and was not replaced: renew it';
const ENDED = 'error: the own certificate has ended and was not replaced: peers refuse new connections';

beforeEach(() => {
  clock = new FakeClock(NOW);
  said = [];
});

async function start(material: IdentityMaterial): Promise<{ crypto: CryptoManager; source: ScriptedSource }> {
  const source = new ScriptedSource(material);
  const crypto = new CryptoManager({ serviceId: 'orders', identity: source, clock, logger });
  await crypto.load();
  return { crypto, source };
}

describe('regression: the end of the own certificate is noticed', () => {
  test('once when 20 % of its life is left, once at its end, and not before', async () => {
    const { crypto } = await start(materialUntil(NOW + 10 * HOUR));
    await clock.advance(8 * HOUR - 1);
    expect(said).toEqual([]);
    expect(crypto.certificateState()).toEqual({ notAfter: NOW + 10 * HOUR, remainingMs: 2 * HOUR + 1, state: 'valid' });
    await clock.advance(1);
    expect(said).toEqual([SOON]);
    expect(crypto.certificateState()).toEqual({ notAfter: NOW + 10 * HOUR, remainingMs: 2 * HOUR, state: 'expiring' });
    await clock.advance(2 * HOUR - 1);
    expect(said).toEqual([SOON]);
    await clock.advance(1);
    expect(said).toEqual([SOON, ENDED]);
    await clock.advance(100 * HOUR);
    expect(said).toEqual([SOON, ENDED]);
    expect(crypto.certificateState()).toEqual({ notAfter: NOW + 10 * HOUR, remainingMs: 0, state: 'expired' });
    expect(clock.pendingTimers).toBe(0);
    crypto.close();
  });

  test('one that is replaced in time says nothing; the replacement is watched as well, the old one is not', async () => {
    const { crypto, source } = await start(materialUntil(NOW + 10 * HOUR));
    await clock.advance(7 * HOUR);
    source.change(materialUntil(NOW + 17 * HOUR, NOW + 7 * HOUR));
    await clock.advance(7 * HOUR);
    expect(said).toEqual([]);
    expect(crypto.certificateState().state).toBe('valid');
    await clock.advance(1 * HOUR);
    expect(said).toEqual([SOON]);
    crypto.close();
  });

  test('a new trust bundle with the same certificate does not say it again', async () => {
    const material = materialUntil(NOW + 10 * HOUR);
    const { crypto, source } = await start(material);
    await clock.advance(9 * HOUR);
    source.change({ ...material, trustBundle: [root.der, makeCa('next').der] });
    await clock.advance(0.5 * HOUR);
    expect(said).toEqual([SOON]);
    crypto.close();
  });

  test('a jump of the wall clock is noticed within a minute', async () => {
    const { crypto } = await start(materialUntil(NOW + 365 * 24 * HOUR));
    clock.jump(366 * 24 * HOUR);
    await clock.advance(60_000);
    expect(said).toEqual([ENDED]);
    crypto.close();
  });

  test('one that has little time left when it is loaded is said at once', async () => {
    const { crypto } = await start(materialUntil(NOW + HOUR, NOW - 9 * HOUR));
    expect(said).toEqual([SOON]);
    crypto.close();
  });

  test('close() leaves no timer; before load() there is no state', async () => {
    const { crypto } = await start(materialUntil(NOW + HOUR));
    expect(clock.pendingTimers).toBe(1);
    crypto.close();
    expect(clock.pendingTimers).toBe(0);
    const idle = new CryptoManager({ serviceId: 'orders', identity: new ScriptedSource(materialUntil(NOW + HOUR)), clock, logger });
    expect(thrown(() => idle.certificateState())).toMatchObject({ reason: 'not_initialized' });
  });
});

describe('the CA behind the own certificate', () => {
  const CA_SOON = 'warn: the CA of the own certificate ends soon, and all certificates with it: put another beside it into every bundle';
  const DAY = 24 * HOUR;

  /** A leaf of this CA that lives for a year. */
  const under = (ca: ReturnType<typeof makeCa>, at = NOW): IdentityMaterial => {
    const leaf = make({ notBefore: at, notAfter: at + 365 * DAY }, ca);
    return { id: LEAF_ID, trustDomain: DOMAIN, chain: [leaf.der], privateKey: leaf.keys.privateKey, trustBundle: [ca.der] };
  };

  test.each([
    ['60 days before its end', 3_650, 60],
    ['with 20 % of a short life left', 100, 20],
  ])('is said once, %s', async (_when, days, left) => {
    const ca = makeCa('ends', { notBefore: NOW, notAfter: NOW + days * DAY });
    const { crypto, source } = await start(under(ca));
    clock.jump((days - left) * DAY - 2 * HOUR);
    source.change(under(ca, clock.now()));
    await clock.advance(HOUR);
    expect(said).toEqual([]);
    await clock.advance(HOUR + 60_000);
    expect(said).toEqual([CA_SOON]);
    source.change(under(ca, clock.now()));
    await clock.advance(HOUR);
    expect(said).toEqual([CA_SOON]);
    crypto.close();
  });
});
