import { SafeLogger, stderrLogger, systemClock, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';

/** Where an adapter's time comes from and its trouble goes to: options of each wrapping adapter. */
export interface SurroundingsOptions {
  /** Default: the mesh's, where there is one, else the machine's. */
  readonly clock?: Clock | undefined;
  /** Operational log for trouble. Default: the mesh's, where there is one, else warnings to stderr. */
  readonly logger?: Logger | undefined;
}

/** Clock and logger of an adapter that may or may not be started: the options' own, else those of `start()`, else the defaults. */
export class Surroundings {
  readonly #options: SurroundingsOptions;
  #clock: Clock;
  #logger: Logger;
  #used = false;

  constructor(options: SurroundingsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = new SafeLogger(options.logger ?? stderrLogger);
  }

  /** The clock stays the same from its first use on: the times of two cannot be compared. */
  get clock(): Clock {
    this.#used = true;
    return this.#clock;
  }

  get logger(): Logger {
    return this.#logger;
  }

  adopt(context: { readonly clock?: Clock; readonly logger?: Logger }): void {
    if (!this.#used) this.#clock = this.#options.clock ?? context.clock ?? systemClock;
    this.#logger = new SafeLogger(this.#options.logger ?? context.logger ?? stderrLogger);
  }
}
