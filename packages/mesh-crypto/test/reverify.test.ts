import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger, type IdentityMaterial, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { InitiatorHandshake, ResponderHandshake } from '../src/channel/channel-handshake.js';
import { CryptoManager } from '../src/crypto-manager.js';
import { DOMAIN, HOUR, leafWith, make, makeCa, NOW, pinOf, san, uri, type Made } from './support/certificate-maker.js';
import { channelOf, partyOf, replyOf, shakeHands } from './support/parties.js';
import { ScriptedSource } from './support/scripted-source.js';
import { thrown } from './support/vectors.js';

const oldCa = makeCa('old');
const newCa = makeCa('new');

/** @param bundle the CAs the service trusts */
function materialOf(serviceId: string, ca: Made, bundle: readonly Made[], notAfter = NOW + 10 * HOUR): IdentityMaterial {
  const id = `spiffe://${DOMAIN}/${serviceId}`;
  const leaf = make({ extensions: leafWith(san(true, uri(id))), notAfter }, ca);
  return { id, trustDomain: DOMAIN, chain: [leaf.der], privateKey: leaf.keys.privateKey, trustBundle: bundle.map(({ der }) => der) };
}

interface Service {
  readonly crypto: CryptoManager;
  readonly source: ScriptedSource;
  readonly material: IdentityMaterial;
  readonly clock: FakeClock;
}

async function start(material: IdentityMaterial): Promise<Service> {
  const [source, clock] = [new ScriptedSource(material), new FakeClock(NOW)];
  const crypto = new CryptoManager({ serviceId: material.id.split('/').pop() ?? '', identity: source, clock, logger: silentLogger });
  await crypto.load();
  return { crypto, source, material, clock };
}

/** The channels of both ends. */
function connect(from: Service, to: Service, pins?: { readonly dialled?: string[]; readonly accepted?: string[] }): [SecureChannel, SecureChannel] {
  const dialled = from.crypto.dial({ serviceId: to.crypto.serviceId, ...(pins?.dialled === undefined ? {} : { pins: pins.dialled }) });
  const accepted = to.crypto.accept(() => pins?.accepted);
  const step = dialled.receive(replyOf(accepted.receive(dialled.start() ?? Buffer.alloc(0))));
  return [channelOf(step), channelOf(accepted.receive(replyOf(step)))];
}

const parties = (): Promise<[Service, Service]> =>
  Promise.all([start(materialOf('orders', oldCa, [oldCa, newCa])), start(materialOf('payments', oldCa, [oldCa, newCa]))]);

describe("regression: a live peer's chain can be verified again (PROTOCOL 6.4)", () => {
  test('it holds as long as its CA is trusted, on both sides', async () => {
    const [orders, payments] = await parties();
    const [dialled, accepted] = connect(orders, payments);
    expect([dialled.reverify(), accepted.reverify()]).toEqual([undefined, undefined]);
    orders.source.change({ ...orders.material, trustBundle: [newCa.der] });
    expect(dialled.reverify()).toMatchObject({ reason: 'peer_untrusted' });
    expect(accepted.reverify()).toBeUndefined();
    payments.source.change({ ...payments.material, trustBundle: [newCa.der] });
    expect(accepted.reverify()).toMatchObject({ reason: 'peer_untrusted' });
    // The verdict alone ends nothing: its owner drains first.
    expect(accepted.open(dialled.seal(0, [Buffer.from('last words')])).toString()).toBe('last words');
    orders.source.change(orders.material);
    expect(dialled.reverify()).toBeUndefined();
  });

  test("the peer's certificate ends", async () => {
    const [orders, payments] = await parties();
    const [dialled] = connect(orders, payments);
    await orders.clock.advance(10 * HOUR + 60_000);
    expect(dialled.reverify()).toBeUndefined();
    await orders.clock.advance(1);
    expect(dialled.reverify()).toMatchObject({ reason: 'certificate_expired' });
  });

  test('pins are looked at again, in both directions', async () => {
    const issuing = makeCa('issuing', {}, oldCa);
    const material = (serviceId: string): IdentityMaterial => {
      const below = materialOf(serviceId, issuing, [oldCa]);
      return { ...below, chain: [...below.chain, issuing.der] };
    };
    const [orders, payments] = await Promise.all([start(material('orders')), start(material('payments'))]);
    const pins = { dialled: [pinOf(oldCa)], accepted: [pinOf(oldCa)] };
    const pinned = connect(orders, payments, pins);
    const unpinned = connect(orders, payments);
    // The chain still verifies, but no path leads over the pinned CA any more.
    for (const { source, material: same } of [orders, payments]) source.change({ ...same, trustBundle: [issuing.der] });
    for (const channel of pinned) expect(channel.reverify()).toMatchObject({ reason: 'pin_mismatch' });
    for (const channel of unpinned) expect(channel.reverify()).toBeUndefined();
  });

  test('all that the peer sent is kept: another bundle may need another path', async () => {
    const cross = makeCa('old', { keys: oldCa.keys }, newCa);
    const below = materialOf('payments', oldCa, [oldCa]);
    const [orders, payments] = await Promise.all([start(materialOf('orders', oldCa, [oldCa])), start({ ...below, chain: [...below.chain, cross.der] })]);
    const [dialled] = connect(orders, payments);
    orders.source.change({ ...orders.material, trustBundle: [newCa.der] });
    expect(dialled.reverify()).toBeUndefined();
  });

  test('a handshake that began under the old bundle is judged by the new one', async () => {
    const [orders, payments] = await parties();
    const dialled = orders.crypto.dial({ serviceId: 'payments' });
    const second = replyOf(payments.crypto.accept().receive(dialled.start() ?? Buffer.alloc(0)));
    orders.source.change({ ...orders.material, trustBundle: [newCa.der] });
    expect(thrown(() => dialled.receive(second))).toMatchObject({ reason: 'peer_untrusted' });
  });

  test('after close() there is nothing to judge by', async () => {
    const [orders, payments] = await parties();
    const [dialled, accepted] = connect(orders, payments);
    orders.crypto.close();
    expect(dialled.reverify()).toMatchObject({ reason: 'mesh_closed' });
    expect(accepted.open(dialled.seal(0, [Buffer.from('on')])).toString()).toBe('on');
  });
});

describe('what an idle channel costs', () => {
  const collect = async (): Promise<void> => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    for (let round = 0; round < 3; round++) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const [orders, payments] = [materialOf('orders', oldCa, [oldCa]), materialOf('payments', oldCa, [oldCa])];
  const clock = new FakeClock(NOW);
  const [from, to] = [partyOf(orders, { clock }), partyOf(payments, { clock })];

  /** Not async: a suspended frame would keep what it saw. */
  function session(): { channels: SecureChannel[]; handshakes: WeakRef<object>[] } {
    const initiator = new InitiatorHandshake({ ...from, suite: 'aesgcm', expected: { serviceId: 'payments' } });
    const responder = new ResponderHandshake(to);
    const { initiator: one, responder: other } = shakeHands(initiator, responder);
    return { channels: [one, other], handshakes: [new WeakRef(initiator), new WeakRef(responder)] };
  }

  test('the handshake is not kept alive by its channel', async () => {
    const { channels, handshakes } = session();
    await collect();
    expect(handshakes.map((handshake) => handshake.deref())).toEqual([undefined, undefined]);
    expect(channels.map((channel) => channel.reverify())).toEqual([undefined, undefined]);
  });

  test('less than 16 KiB of memory, half of what an idle session may take', async () => {
    const used = (): number => {
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    session();
    await collect();
    const before = used();
    const channels = Array.from({ length: 500 }, () => session().channels).flat();
    await collect();
    const each = (used() - before) / channels.length;
    expect(each).toBeLessThan(16 * 1024);
    expect(each).toBeGreaterThan(100);
  });
});
