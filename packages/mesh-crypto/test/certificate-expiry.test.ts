import { beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger, type IdentityMaterial, type Logger } from '@lemur-bookstores/mesh-interface';
import { CryptoManager } from '../src/crypto-manager.js';
import { DOMAIN, HOUR, LEAF_ID, make, makeCa, NOW } from './support/certificate-maker.js';
import { ScriptedSource } from './support/scripted-source.js';
import { thrown } from './support/vectors.js';

const root = makeCa('root');
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
