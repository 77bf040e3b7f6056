import type { KeyUsage } from '@lemur-bookstores/mesh-interface';
import type { RecordKeys } from './record-keys.js';

/** The record keys of one epoch. */
export interface EpochKeys {
  readonly epoch: number;
  readonly keyId: string;
  /** When they were derived, ms since 1970. */
  readonly activatedAt: number;
  readonly send: RecordKeys;
  readonly receive: RecordKeys;
}

/**
 * The record keys that a channel has: of the present epoch, and during a rekey of the coming one. Directions change over one by one
 * (PROTOCOL 3.3 to 3.5); a key is wiped the moment the next takes over.
 */
export class ChannelKeys {
  send: RecordKeys;
  receive: RecordKeys;
  #present: EpochKeys;
  #coming: EpochKeys | undefined;

  constructor(first: EpochKeys) {
    this.#present = first;
    this.send = first.send;
    this.receive = first.receive;
  }

  /** The newest epoch that both ends are known to have. */
  get present(): EpochKeys {
    return this.#present;
  }

  /** Derived, and not yet known to have reached the peer. */
  get coming(): EpochKeys | undefined {
    return this.#coming;
  }

  add(coming: EpochKeys): void {
    this.#coming = coming;
  }

  /** The coming epoch's key takes over. @returns the one before, wiped */
  switch(direction: 'send' | 'receive'): RecordKeys {
    const retired = this[direction];
    if (this.#coming !== undefined) this[direction] = this.#coming[direction];
    retired.destroy();
    return retired;
  }

  /** The coming epoch is the present one. @returns the one before: counts without keys */
  rotate(): EpochKeys {
    const retired = this.#present;
    this.#present = this.#coming ?? retired;
    this.#coming = undefined;
    return retired;
  }

  destroy(): void {
    for (const keys of [this.#present, this.#coming]) {
      keys?.send.destroy();
      keys?.receive.destroy();
    }
  }
}

/** What an epoch's keys have been used for until now. */
export function usageOf(keys: EpochKeys, now: number): KeyUsage {
  const { epoch, keyId, activatedAt, send, receive } = keys;
  return {
    keyId,
    epoch,
    activatedAt,
    ageMs: now - send.since,
    sent: { records: send.records, bytes: send.bytes },
    received: { records: receive.records, bytes: receive.bytes },
  };
}
