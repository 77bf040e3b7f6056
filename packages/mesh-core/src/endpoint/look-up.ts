import { inBackground, MeshError, type Clock, type ClockTimer, type DiscoveryProvider, type Logger, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { askProvider } from './provider-call.js';

/** Without a watch, and while nothing is known, discovery is asked again this often, in ms. */
const ASK_AGAIN_MS = 1_000;

/** Who wants to know where a service is. */
export interface LookUpListener {
  /** The whole set, whenever it is told. */
  onNodes(nodes: readonly ServiceNode[]): void;
  /** An answer has come, or failed to. */
  onAnswer(): void;
  /** Whether nothing is known: then it is worth asking again even where there is a watch. */
  readonly isEmpty: boolean;
}

export interface LookUpParts {
  readonly discovery: DiscoveryProvider;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Asks discovery for one service, and goes on listening or asking. */
export class LookUp {
  readonly #serviceId: string;
  readonly #parts: LookUpParts;
  readonly #listener: LookUpListener;
  #unwatch: (() => void) | undefined;
  #askAgain: ClockTimer | undefined;
  /** Sets that the watch has told. */
  #heard = 0;
  /** The watch tells of its look-ups: an answer to a question may be what was known before the last one failed. */
  #watchTells = false;
  #running = false;
  #asking = false;
  /** Why the last question had no answer; `undefined` while it works. */
  error: MeshError | undefined;
  /** When the last answer came, ms since 1970; 0 = never. */
  answeredAt = 0;

  constructor(serviceId: string, parts: LookUpParts, listener: LookUpListener) {
    this.#serviceId = serviceId;
    this.#parts = parts;
    this.#listener = listener;
  }

  /** Somebody has said where the service is, or that it is nowhere. */
  get answered(): boolean {
    return this.answeredAt > 0 || this.#heard > 0;
  }

  /** The first call may start it: it goes on when that has long ended. */
  start(): void {
    inBackground(() => this.#start());
  }

  #start(): void {
    this.#running = true;
    this.#unwatch = this.#parts.discovery.watch?.(
      this.#serviceId,
      (nodes) => {
        this.#heard++;
        if (this.#running) this.#listener.onNodes(nodes);
      },
      (error) => this.#onLookUp(error),
    );
    void this.#ask();
  }

  stop(): void {
    this.#running = false;
    this.#unwatch?.();
    this.#askAgain?.cancel();
    this.#unwatch = this.#askAgain = undefined;
  }

  /** The provider has looked of its own accord: while it watches nobody asks it. */
  #onLookUp(error: MeshError | undefined): void {
    if (!this.#running) return;
    this.#watchTells = true;
    if (error === undefined) this.#succeed();
    else this.#fail(error);
  }

  #succeed(): void {
    this.error = undefined;
    this.answeredAt = this.#parts.clock.now();
  }

  /** A provider that is down never takes away peers that are known. */
  #fail(error: unknown): void {
    const failure = MeshError.from(error, 'discovery_failed');
    if (this.error === undefined) this.#parts.logger.warn(`discovery of ${this.#serviceId} failed: ${failure.message}`);
    this.error = failure;
  }

  async #ask(): Promise<void> {
    if (!this.#running || this.#asking) return;
    this.#asking = true;
    try {
      const { clock, discovery } = this.#parts;
      const heardBefore = this.#heard;
      const nodes = await askProvider(clock, `look up '${this.#serviceId}'`, () => discovery.discover(this.#serviceId));
      if (!this.#running) return;
      if (!this.#watchTells) this.#succeed();
      // What the watch said meanwhile is newer than this answer.
      if (this.#heard === heardBefore) this.#listener.onNodes(nodes ?? []);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#asking = false;
    }
    if (!this.#running) return;
    this.#listener.onAnswer();
    if (this.#unwatch !== undefined && !this.#listener.isEmpty) return;
    this.#askAgain?.cancel();
    this.#askAgain = this.#parts.clock.setTimeout(() => void this.#ask(), ASK_AGAIN_MS);
  }
}
