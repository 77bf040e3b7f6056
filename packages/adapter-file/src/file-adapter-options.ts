import type { Rotation } from '@lemur-bookstores/mesh-log';

/** Options of a file adapter. */
export interface FileAdapterOptions {
  /** When the next segment begins. Default `daily`. */
  readonly rotation?: Rotation | undefined;
  /** Days after their end at which whole segments are deleted. Default 365. */
  readonly retention?: number | undefined;
  /** Gzips closed segments. Default true. */
  readonly compress?: boolean | undefined;
  /** `group`: what is acknowledged is durable. `none`: it is written, and a loss of power may take it. Default `group`. */
  readonly sync?: 'group' | 'none' | undefined;
}
