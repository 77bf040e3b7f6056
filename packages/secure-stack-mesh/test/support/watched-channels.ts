import type { ChannelHandshake, SecureChannel } from '@lemur-bookstores/mesh-interface';
import type { TestMesh } from './test-bed.js';

/** Flags of a record that is a fragment, and of a message's last (docs/wire-protocol.md). */
const FRAGMENT = 0x10;
const LAST = 0x40;
const EPOCH_MASK = 0x0f;

/** Both ends of a session. */
export interface WatchedSession {
  readonly dialler: SecureChannel;
  readonly acceptor: SecureChannel;
}

/** Keeps every channel that the handshakes of some meshes give: how far their keys have come is asked of both ends, and of no event. */
export class WatchedChannels {
  /** By the handshake's hash, which no two sessions share. */
  readonly #ends = new Map<string, Partial<Record<SecureChannel['role'], SecureChannel>>>();
  /** How often two fragments of one message went out under keys of different epochs. */
  rotationsWithinMessages = 0;
  /** Records after which the sending key was past its hard limit. */
  holds = 0;

  readonly #onChannel: (channel: SecureChannel) => void;

  /** @param onChannel called with each channel before anybody uses it */
  constructor(onChannel: (channel: SecureChannel) => void = () => undefined) {
    this.#onChannel = onChannel;
  }

  /** Before `initialize()`. */
  watch({ mesh }: TestMesh): void {
    const { crypto } = mesh;
    const [dial, accept] = [crypto.dial.bind(crypto), crypto.accept.bind(crypto)];
    crypto.dial = (expected) => this.#watched(dial(expected));
    crypto.accept = (pinsOf) => this.#watched(accept(pinsOf));
  }

  /** Those of which both ends are known, the first one first. */
  get sessions(): WatchedSession[] {
    return [...this.#ends.values()].flatMap(({ initiator, responder }) =>
      initiator === undefined || responder === undefined ? [] : [{ dialler: initiator, acceptor: responder }],
    );
  }

  /** Epochs that both ends have reached, over all sessions. */
  get rotations(): number {
    return this.sessions.reduce((sum, { dialler, acceptor }) => sum + Math.min(dialler.epoch, acceptor.epoch), 0);
  }

  /** New keys for every session that stands, asked for by both ends at once. */
  rekey(): void {
    for (const session of this.sessions) for (const end of [session.dialler, session.acceptor]) end.rekeying?.rekey('manual');
  }

  #watched(handshake: ChannelHandshake): ChannelHandshake {
    const receive = handshake.receive.bind(handshake);
    handshake.receive = (message) => {
      const step = receive(message);
      if (step.channel !== undefined) this.#add(step.channel);
      return step;
    };
    return handshake;
  }

  #add(channel: SecureChannel): void {
    this.#onChannel(channel);
    const hash = Buffer.from(channel.handshakeHash).toString('hex');
    this.#ends.set(hash, { ...this.#ends.get(hash), [channel.role]: channel });
    const seal = channel.seal.bind(channel);
    let openSince: number | undefined;
    channel.seal = (flags, parts, target) => {
      const record = seal(flags, parts, target);
      const epoch = (record[0] as number) & EPOCH_MASK;
      if ((flags & FRAGMENT) !== 0) {
        if (openSince !== undefined && openSince !== epoch) this.rotationsWithinMessages++;
        openSince = (flags & LAST) !== 0 ? undefined : epoch;
      }
      if (channel.rekeying?.holds === true) this.holds++;
      return record;
    };
  }
}
