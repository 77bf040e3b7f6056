import { CryptoManager } from '@lemur-bookstores/mesh-crypto';
import { silentLogger, type ChannelHandshake, type IdentityMaterial, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { Stranger, StrangerListener } from './stranger.js';

/** What a rogue saw of its victim. */
export interface RogueSighting {
  /** Whether the rogue itself got through its handshake. */
  readonly channel: SecureChannel | undefined;
  readonly stranger: Stranger;
}

async function cryptoOf(identity: IdentityMaterial): Promise<CryptoManager> {
  const crypto = new CryptoManager({ serviceId: 'rogue', identity: { load: () => Promise.resolve(identity) }, logger: silentLogger });
  await crypto.load();
  return crypto;
}

/** A request as it stands in a record (docs/wire-protocol.md). */
export function requestMessage(method: string, body: unknown, id = 1): Buffer {
  const name = Buffer.from(method);
  const json = Buffer.from(JSON.stringify(body));
  const head = Buffer.alloc(10);
  head[0] = 1;
  head[1] = 1;
  head.writeUInt32BE(id, 2);
  head.writeUInt32BE(5 + name.length + json.length, 6);
  const timeout = Buffer.alloc(4);
  timeout.writeUInt32BE(5_000);
  return Buffer.concat([head, timeout, Buffer.of(name.length), name, json]);
}

/**
 * Dials a mesh with an identity that it must not accept, and in the same write as message 3 sends a request (PROTOCOL 1.4 lets an
 * initiator do that). @param dialled the SPIFFE id of the victim: the rogue itself is content with it
 */
export async function dialAsRogue(port: number, identity: IdentityMaterial, dialled: string, body: unknown = { from: 'rogue' }): Promise<RogueSighting> {
  const crypto = await cryptoOf(identity);
  const handshake = crypto.dial({ serviceId: 'victim', spiffeId: dialled });
  const stranger = await Stranger.connect(port);
  await stranger.upgrade();
  stranger.send(handshake.start() as Uint8Array);
  const second = await stranger.message(0);
  if (second === undefined) return { channel: undefined, stranger };
  const { reply, channel } = handshake.receive(second);
  stranger.send(reply as Uint8Array, (channel as SecureChannel).seal(0, [requestMessage('steal', body)]));
  crypto.close();
  return { channel, stranger };
}

/** Listens with an identity that diallers must not accept. */
export class RogueListener {
  readonly port: number;
  /** The dialler's messages after its first: there must be none. */
  readonly answered: Promise<Stranger>;
  readonly #listener: StrangerListener;
  readonly #crypto: CryptoManager;

  private constructor(listener: StrangerListener, crypto: CryptoManager, answered: Promise<Stranger>) {
    this.#listener = listener;
    this.#crypto = crypto;
    this.port = listener.port;
    this.answered = answered;
  }

  static async start(identity: IdentityMaterial): Promise<RogueListener> {
    const crypto = await cryptoOf(identity);
    let onAnswered: (stranger: Stranger) => void = () => {};
    const answered = new Promise<Stranger>((resolve) => (onAnswered = resolve));
    const listener = await StrangerListener.start((stranger) => void serve(stranger, crypto.accept()).then(onAnswered, () => {}));
    return new RogueListener(listener, crypto, answered);
  }

  async close(): Promise<void> {
    await this.#listener.close();
    this.#crypto.close();
  }
}

/** Resolves once message 2 is out and the dialler's connection has ended. */
async function serve(stranger: Stranger, handshake: ChannelHandshake): Promise<Stranger> {
  await stranger.grantUpgrade();
  const first = await stranger.message(0);
  if (first === undefined) throw new Error('no first message');
  stranger.send(handshake.receive(first).reply as Uint8Array);
  await stranger.ended;
  return stranger;
}
