import { MeshError, type Clock, type ClockTimer, type Logger } from '@lemur-bookstores/mesh-interface';
import type { Asking } from './resolver.js';
import type { FoundInstances, InstanceAddress } from './service-look-up.js';

/** Who wants to hear of a name. */
export interface NameListener {
  /** The whole set, whenever it is another. */
  onInstances(instances: readonly InstanceAddress[]): void;
  /** After each look-up: why it failed, or `undefined`. Without it a failure is logged. */
  onLookUp?: ((error: MeshError | undefined) => void) | undefined;
}

export interface WatchedNameParts {
  /** For people. */
  readonly name: string;
  /** @throws MeshError `discovery_failed` */
  readonly find: (asking: Asking) => Promise<FoundInstances>;
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
  readonly emptyAfterMs: number;
  readonly logger: Logger;
  readonly clock: Clock;
  /** From 0 up to 1. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** A service has no more instances than this: whoever answers, what is kept and dialled is bounded. */
export const MAX_INSTANCES = 256;
/** Less than a mesh waits for a provider. */
const LOOK_UP_MS = 4_500;
/** After a failure it is asked again this soon, in ms, and with each further one only after twice the time. */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 5_000;
/** That there is nothing is believed no longer than this, in ms, whatever the zone says: a service that is being started is waited for. */
const EMPTY_TTL_MS = 5_000;
/** Look-ups come up to this share of the TTL after its end: a cache asked before it would say the same again. */
const JITTER = 0.1;

/** What is known of one name: looked up once for all who ask, and over and over while somebody watches. */
export class WatchedName {
  readonly #parts: WatchedNameParts;
  readonly #listeners = new Set<NameListener>();
  #known: readonly InstanceAddress[] | undefined;
  #error: MeshError | undefined;
  /** Failures in a row. */
  #failures = 0;
  /** Until when the last answer, or failure, is not asked about again; monotonic, in ms. */
  #dueAt = -Infinity;
  /** Since when DNS says that nothing is left of what is known; monotonic, in ms. */
  #emptySince: number | undefined;
  #lookUp: Promise<void> | undefined;
  #timer: ClockTimer | undefined;
  #closed = false;
  #warnedOfMany = false;

  constructor(parts: WatchedNameParts) {
    this.#parts = parts;
  }

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  /** What is known, looked up where that is out of date. @throws MeshError `discovery_failed`: it cannot be looked up, and nobody is known */
  async instances(): Promise<readonly InstanceAddress[]> {
    if (this.#parts.clock.monotonic() >= this.#dueAt) await this.#refresh();
    if (this.#known !== undefined && (this.#known.length > 0 || this.#error === undefined)) return this.#known;
    throw this.#error ?? new MeshError('discovery_failed', `${this.#parts.name}: discovery is closed`);
  }

  /** @returns what ends it */
  watch(listener: NameListener): () => void {
    // A copy of its own, so that the same listener may watch twice.
    const own: NameListener = { onInstances: (instances) => listener.onInstances(instances), onLookUp: listener.onLookUp };
    this.#listeners.add(own);
    const known = this.#known;
    if (known !== undefined) {
      // Never from within watch(): the caller does not have in hand yet what ends it. A set that came meanwhile was told to all.
      queueMicrotask(() => {
        if (this.#listeners.has(own) && this.#known === known) this.#say(() => own.onInstances(known));
      });
    }
    if (this.#parts.clock.monotonic() >= this.#dueAt) void this.#refresh();
    else this.#schedule();
    return () => {
      this.#listeners.delete(own);
      if (!this.isWatched) this.#stopTimer();
    };
  }

  close(): void {
    this.#closed = true;
    this.#listeners.clear();
    this.#stopTimer();
  }

  /** Never rejects. */
  #refresh(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#lookUp ??= this.#ask().finally(() => {
      this.#lookUp = undefined;
      this.#schedule();
    });
    return this.#lookUp;
  }

  async #ask(): Promise<void> {
    try {
      const found = await this.#find();
      if (this.#closed) return;
      this.#take(found);
      if (found.trouble === undefined) this.#succeed();
      else this.#fail(found.trouble);
    } catch (error) {
      if (!this.#closed) this.#fail(MeshError.from(error, 'discovery_failed'));
      else this.#error = MeshError.from(error, 'discovery_failed');
    }
  }

  /** A resolver of somebody else's may not mind the deadline. */
  #find(): Promise<FoundInstances> {
    const { clock, find, name } = this.#parts;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => reject(new MeshError('discovery_failed', `${name}: no answer within ${LOOK_UP_MS} ms`)), LOOK_UP_MS);
      find({ deadline: clock.monotonic() + LOOK_UP_MS })
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  #take({ instances, ttl }: FoundInstances): void {
    const { clock, emptyAfterMs } = this.#parts;
    const now = clock.monotonic();
    const ttlMs = this.#bounded(instances.length > 0 ? ttl * 1_000 : Math.min(ttl * 1_000, EMPTY_TTL_MS));
    this.#dueAt = now + ttlMs * (1 + this.#random() * JITTER);
    if (instances.length > 0 || this.#known === undefined || this.#known.length === 0) {
      this.#emptySince = undefined;
      return this.#know(this.#distinct(instances));
    }
    // Readiness probes that all fail at once, or a DNS server that has just started, say the same: sessions that live are better evidence.
    this.#emptySince ??= now;
    const leftMs = this.#emptySince + emptyAfterMs - now;
    if (leftMs <= 0) this.#know([]);
    else this.#dueAt = Math.min(this.#dueAt, now + Math.max(leftMs, this.#parts.minTtlMs));
  }

  #know(instances: readonly InstanceAddress[]): void {
    if (this.#known !== undefined && keyOf(this.#known) === keyOf(instances)) return;
    this.#known = instances;
    for (const listener of [...this.#listeners]) this.#say(() => listener.onInstances(instances));
  }

  #succeed(): void {
    if (this.#error !== undefined && this.#logs) this.#parts.logger.info(`${this.#parts.name} is answered again`);
    this.#failures = 0;
    this.#error = undefined;
    this.#tellOfLookUp();
  }

  /** What is known stays known. */
  #fail(error: MeshError): void {
    const known = this.#known?.length ?? 0;
    if (this.#error === undefined && this.#logs) this.#parts.logger.warn(`${error.text}${known > 0 ? `; ${known} instance(s) stay known` : ''}`);
    this.#error = error;
    const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 30);
    this.#dueAt = this.#parts.clock.monotonic() + waitMs * (1 - this.#random() / 2);
    this.#tellOfLookUp();
  }

  #tellOfLookUp(): void {
    const error = this.#error;
    for (const listener of [...this.#listeners]) this.#say(() => listener.onLookUp?.(error));
  }

  /** Whether somebody watches who does not hear of failures. */
  get #logs(): boolean {
    return [...this.#listeners].some(({ onLookUp }) => onLookUp === undefined);
  }

  /** A listener that throws takes nothing from the others. */
  #say(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#parts.logger.error(`a listener of ${this.#parts.name} threw: ${MeshError.from(error).text}`);
    }
  }

  /** In one order, each once: servers turn the order round. */
  #distinct(instances: readonly InstanceAddress[]): readonly InstanceAddress[] {
    const byKey = new Map(instances.map((instance) => [`${instance.host} ${instance.port}`, instance]));
    const all = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, instance]) => instance);
    if (all.length <= MAX_INSTANCES) return all;
    if (!this.#warnedOfMany) this.#parts.logger.warn(`${this.#parts.name} has ${all.length} instances: only ${MAX_INSTANCES} are used`);
    this.#warnedOfMany = true;
    return all.slice(0, MAX_INSTANCES);
  }

  #schedule(): void {
    this.#stopTimer();
    if (this.#closed || !this.isWatched || this.#lookUp !== undefined) return;
    this.#timer = this.#parts.clock.setTimeout(() => void this.#refresh(), Math.max(0, this.#dueAt - this.#parts.clock.monotonic()));
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #bounded(ttlMs: number): number {
    return Math.min(this.#parts.maxTtlMs, Math.max(this.#parts.minTtlMs, ttlMs));
  }

  #random(): number {
    return (this.#parts.random ?? Math.random)();
  }
}

const keyOf = (instances: readonly InstanceAddress[]): string => JSON.stringify(instances);
