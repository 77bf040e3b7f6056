import type { SupportNeed } from './adapter-support.js';
import type { Trial } from './trial.js';

/** One thing that an adapter must hold to. */
export interface AdapterCase {
  /** What messages cite it by. Never renamed. */
  readonly name: string;
  /** The rule, as a sentence about the adapter. */
  readonly title: string;
  /** It applies where all of these are supported. Default: always. */
  readonly needs?: readonly SupportNeed[];
  /** Rejects where the adapter does not hold to it. */
  run(trial: Trial): Promise<void>;
}
