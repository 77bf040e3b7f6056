import type { ChannelRekeying, Clock, KeyPolicy, KeysRotated, KeyUsage, KeyVolume, RekeyHost, RekeyTrigger, SpentReason } from '@lemur-bookstores/mesh-interface';
import type { PlainChannel } from './plain-channels.js';

/** Keys that change when a test says so, as a real channel tells it: without any. */
export class FakeRekeying implements ChannelRekeying {
  readonly pending = false;
  readonly holds = false;
  readonly policy: KeyPolicy = { intervalMs: 1_000, rejectAfterMs: 2_000, maxRecords: 16, maxBytes: 2 ** 20, source: 'option' };
  /** Of the present keys. */
  sent: KeyVolume = { records: 0, bytes: 0 };
  received: KeyVolume = { records: 0, bytes: 0 };
  /** How often somebody asked for the usage. */
  looks = 0;
  readonly #channel: PlainChannel;
  readonly #clock: Clock;
  #host: RekeyHost | undefined;
  #since: { readonly wall: number; readonly monotonic: number };

  /** From now on the channel's. */
  constructor(channel: PlainChannel, clock: Clock) {
    this.#channel = channel;
    this.#clock = clock;
    this.#since = { wall: clock.now(), monotonic: clock.monotonic() };
    channel.rekeying = this;
  }

  get usage(): KeyUsage {
    this.looks++;
    const { epoch } = this.#channel;
    return { keyId: this.keyId(epoch), epoch, activatedAt: this.#since.wall, ageMs: this.#clock.monotonic() - this.#since.monotonic, sent: this.sent, received: this.received };
  }

  keyId(epoch: number): string {
    return `${Buffer.from(this.#channel.handshakeHash.subarray(0, 8)).toString('hex')}-${epoch}`;
  }

  start(host: RekeyHost): void {
    this.#host = host;
  }

  /** Both ends have the next epoch. */
  rotate(trigger: RekeyTrigger = 'interval'): KeysRotated {
    const retired = this.usage;
    this.#channel.epoch++;
    this.#since = { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
    [this.sent, this.received] = [{ records: 0, bytes: 0 }, { records: 0, bytes: 0 }];
    const rotation = { keyId: this.keyId(this.#channel.epoch), epoch: this.#channel.epoch, trigger, retired };
    this.#host?.onRotated(rotation);
    return rotation;
  }

  spend(why: SpentReason, trigger: RekeyTrigger = 'interval'): void {
    this.#host?.onSpent(why, trigger);
  }

  receive(): void {}

  rekey(): boolean {
    return false;
  }

  drain(): void {}
}
