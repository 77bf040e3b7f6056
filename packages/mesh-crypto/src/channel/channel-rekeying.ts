import {
  MeshError,
  type ChannelRekeying,
  type Clock,
  type ClockTimer,
  type KeyPolicy,
  type KeyUsage,
  type RekeyHost,
  type RekeyTrigger,
} from '@lemur-bookstores/mesh-interface';
import type { Aead } from '../primitives/primitives.js';
import { usageOf, type ChannelKeys, type EpochKeys } from './channel-keys.js';
import { openControl, sealControl } from './control-record.js';
import { jitteredAge, type Cryptoperiod } from './cryptoperiod.js';
import { RecordKeys } from './record-keys.js';
import type { Rekey, RekeyEffect } from './rekey.js';

export interface RekeyingParts {
  readonly keys: ChannelKeys;
  readonly rekey: Rekey;
  readonly aead: Aead;
  readonly cryptoperiod: Cryptoperiod;
  readonly clock: Clock;
  /** Draws the jitter: 0 or more, less than 1. */
  readonly random: () => number;
  /** Ends the channel: all keys are wiped, this included. */
  readonly destroy: () => void;
}

/**
 * Replaces the keys of a running channel and holds them to their cryptoperiod (PROTOCOL 3): gives the rekey its messages, commands and
 * time, and does what it says. One timer, armed to whatever comes next.
 */
export class Rekeying implements ChannelRekeying {
  readonly #parts: RekeyingParts;
  #host: RekeyHost | undefined;
  #over = false;
  #draining = false;
  /** The peer did not do its part, or there is no further epoch: the session is used up (PROTOCOL 3.6, 3.8). */
  #spent = false;
  #timer: ClockTimer | undefined;
  /** Monotonic times, in ms; `Infinity` where nothing is due. */
  #softAt = Infinity;
  #proceedAt = Infinity;
  #answerBy = Infinity;

  constructor(parts: RekeyingParts) {
    this.#parts = parts;
  }

  get started(): boolean {
    return this.#host !== undefined;
  }

  get pending(): boolean {
    const { state } = this.#parts.rekey;
    return state !== 'idle' && state !== 'over';
  }

  get holds(): boolean {
    return this.#host !== undefined && this.#parts.keys.send.expired;
  }

  get policy(): KeyPolicy {
    return this.#parts.cryptoperiod.policy;
  }

  get usage(): KeyUsage {
    return usageOf(this.#parts.keys.present, this.#parts.clock.monotonic());
  }

  start(host: RekeyHost): void {
    if (this.#host !== undefined) throw new MeshError('invalid_option', 'a channel begins to rekey once');
    if (this.#over) throw new MeshError('session_closed', 'the channel was destroyed');
    this.#host = host;
    this.#limit(this.#parts.keys.present);
    this.#arm();
  }

  rekey(trigger: RekeyTrigger): boolean {
    if (this.#host === undefined || this.#over || this.#spent) return false;
    if (this.pending) return true;
    if (this.#draining) return false;
    this.#attempt(() => this.#run(this.#parts.rekey.start(trigger, this.#parts.clock.monotonic())));
    return this.pending;
  }

  drain(): void {
    if (this.#draining || this.#over) return;
    this.#draining = true;
    this.#parts.rekey.drain();
    if (this.#host === undefined) return;
    const { present, coming } = this.#parts.keys;
    this.#limit(coming ?? present);
    this.#arm();
  }

  receive(record: Uint8Array): void {
    if (this.#over) throw new MeshError('session_closed', 'the channel was destroyed');
    try {
      if (this.#host === undefined) throw new MeshError('protocol_violation', 'a control record of a channel that does not rekey');
      const { message, key } = openControl(this.#parts.keys, record);
      this.#run(this.#parts.rekey.receive(message, key, this.#parts.clock.monotonic()));
    } catch (error) {
      this.#parts.destroy();
      if (MeshError.is(error) && error.reason !== 'decrypt_failed') throw error;
      throw new MeshError('record_invalid', 'a control record was altered, repeated, or is out of order', { cause: error });
    }
  }

  /** Part of the channel's own end. */
  destroy(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#parts.rekey.destroy();
    this.#parts.keys.destroy();
  }

  /** For what no caller of ours could catch: a timer, a command. */
  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fail(MeshError.from(error));
    }
  }

  #fail(error: MeshError): void {
    if (this.#over) return;
    this.#parts.destroy();
    this.#host?.onFailed(error);
  }

  #run(effects: readonly RekeyEffect[]): void {
    const { keys, rekey, cryptoperiod, clock } = this.#parts;
    const now = clock.monotonic();
    const held = keys.send.expired;
    const tell: ((host: RekeyHost) => void)[] = [];
    for (const effect of effects) {
      switch (effect.type) {
        case 'send': {
          const record = sealControl(keys, effect.message);
          tell.push((host) => host.send(record));
          break;
        }
        case 'derived':
          this.#add(effect, now);
          break;
        case 'switch':
          keys.switch(effect.direction);
          break;
        case 'rotated': {
          const retired = usageOf(keys.rotate(), now);
          const { keyId, epoch } = keys.present;
          tell.push((host) => host.onRotated({ keyId, epoch, trigger: effect.trigger, retired }));
          break;
        }
        case 'wait':
          this.#proceedAt = now + effect.ms;
          break;
        case 'exhausted':
          // The peer may ask again and again.
          if (this.#spent) break;
          this.#spent = true;
          tell.push((host) => host.onSpent('epochs', effect.trigger));
      }
    }
    if (effects.length > 0) this.#answerBy = rekey.awaitsPeer ? now + cryptoperiod.answerMs : Infinity;
    if (held && !keys.send.expired) tell.push((host) => host.onResume());
    this.#arm();
    // Only now, with everything in its place: what the session does in these may come back here, or end the channel.
    for (const call of tell) if (this.#host !== undefined && !this.#over) call(this.#host);
  }

  #add({ epoch, keyId, send, receive }: Extract<RekeyEffect, { type: 'derived' }>, now: number): void {
    const { keys, aead, clock } = this.#parts;
    const keysOf = (key: Buffer): RecordKeys => new RecordKeys(aead, key, { epoch, since: now });
    const coming = { epoch, keyId, activatedAt: clock.now(), send: keysOf(send), receive: keysOf(receive) };
    keys.add(coming);
    this.#limit(coming);
  }

  /** Sets the limits of an epoch's keys by what the session is up to. */
  #limit({ send, receive }: EpochKeys): void {
    const { cryptoperiod, rekey, random } = this.#parts;
    const { soft, near, hard } = cryptoperiod;
    const first = this.#draining ? near : soft;
    this.#softAt = send.since + (this.#draining ? near.ageMs : jitteredAge(soft.ageMs, rekey.role, random));
    for (const keys of [send, receive]) keys.limit(first, hard, this.#onMark);
  }

  /** A limit is reached in the middle of a record: what it leads to must wait until that record has left. */
  readonly #onMark = (): void => this.#arm();

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#over || this.#host === undefined) return;
    const { keys, rekey, clock } = this.#parts;
    const idle = rekey.state === 'idle' && !this.#spent;
    const hardAt = (direction: 'send' | 'receive'): number => (keys[direction].expired ? Infinity : this.#hardAt(direction));
    const dueAt = Math.min(this.#proceedAt, this.#answerBy, idle ? this.#softAt : Infinity, hardAt('send'), hardAt('receive'));
    const isDue = (idle && this.#reached() !== undefined) || (this.#spent && this.#isPastLimit);
    const delay = isDue ? 0 : Math.max(0, dueAt - clock.monotonic());
    if (delay < Infinity) this.#timer = clock.setTimeout(this.#onTimer, delay);
  }

  readonly #onTimer = (): void => {
    this.#attempt(() => {
      const { keys, rekey, clock } = this.#parts;
      const now = clock.monotonic();
      for (const direction of ['send', 'receive'] as const) if (now >= this.#hardAt(direction)) keys[direction].expire();
      if (now >= this.#answerBy) this.#onNoAnswer();
      if (this.#spent && this.#isPastLimit) return this.#fail(new MeshError('key_expired', 'the keys are past their limit, and no rekey came about'));
      if (now >= this.#proceedAt) {
        this.#proceedAt = Infinity;
        this.#run(rekey.proceed(now));
      }
      const trigger = this.#reached() ?? (now >= this.#softAt ? 'interval' : undefined);
      if (trigger !== undefined && !this.#spent) this.#run(rekey.start(trigger, now));
      this.#arm();
    });
  };

  #onNoAnswer(): void {
    this.#answerBy = Infinity;
    if (this.#spent) return;
    this.#spent = true;
    this.#host?.onSpent('no-answer', this.#parts.rekey.trigger ?? 'interval');
  }

  /** Nothing passes in one direction, and not because of its age alone: that ends sealing some time before the hard limit. */
  get #isPastLimit(): boolean {
    const { send, receive } = this.#parts.keys;
    return send.used || receive.expired;
  }

  /** The limit that a key in use has reached. Past a hard one a rekey starts in any case, `autoRotate` or not. */
  #reached(): RekeyTrigger | undefined {
    const { send, receive } = this.#parts.keys;
    return send.due ?? receive.due ?? (send.expired || receive.expired ? 'interval' : undefined);
  }

  /** A key seals for less long than it opens: what was sealed in time comes later (docs/adr/0012). */
  #hardAt(direction: 'send' | 'receive'): number {
    const { hard, sealMs } = this.#parts.cryptoperiod;
    return this.#parts.keys[direction].since + (direction === 'send' ? sealMs : hard.ageMs);
  }
}
