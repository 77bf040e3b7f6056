import type { MeshError } from '@lemur-bookstores/mesh-interface';
import type { Fact } from './rules.js';
import type { Teller, TellerCall } from './teller.js';

/** Rotations of one kind of key that are to be told as a change event: those that come while it waits are told with it. */
export class ChangeNote implements Teller {
  readonly type = 'change';
  readonly rank = 0;
  readonly key: string;
  readonly service: string;
  readonly keyType: 'static' | 'certificate';
  #pending = 0;
  #underWay: number | undefined;
  #refusal: MeshError | undefined;
  last: Fact | undefined;

  constructor(service: string, keyType: 'static' | 'certificate') {
    this.service = service;
    this.keyType = keyType;
    this.key = `change/${service}/${keyType}`;
  }

  get refusal(): MeshError | undefined {
    return this.#refusal;
  }

  /** How many rotations the call under way tells of. */
  get count(): number {
    return this.#underWay ?? this.#pending;
  }

  add(fact: Fact): void {
    this.#pending++;
    this.last = fact;
  }

  owes(): TellerCall | undefined {
    return this.#pending > 0 && this.#underWay === undefined ? 'change' : undefined;
  }

  dueAt(): number {
    return Infinity;
  }

  tick(): void {
    // Nothing of it comes by time.
  }

  begun(): void {
    this.#underWay = this.#pending;
    this.#pending = 0;
  }

  told(): void {
    this.#underWay = undefined;
    this.#refusal = undefined;
  }

  failed(): void {
    this.#pending += this.#underWay ?? 0;
    this.#underWay = undefined;
  }

  refused(error: MeshError): void {
    this.#underWay = undefined;
    this.#refusal = error;
  }
}
