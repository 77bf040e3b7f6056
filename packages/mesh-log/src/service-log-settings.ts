import type { AdapterContext, Clock, Logger, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { SignedCheckpoint } from './checkpoint.js';
import type { FileSystem } from './file-system.js';
import type { LogTimezone, Rotation } from './rotation-schedule.js';
import type { SigningKey } from './signing-key.js';
import type { SigningKeys } from './signing-key-files.js';

/** How an adapter keeps the log of its service. Nothing is checked here: adapters name problems by the paths of their own options. */
export interface ServiceLogSettings {
  /** What it is, where it is spoken of: `audit log`. */
  readonly noun: string;
  /** Absolute: the folder of all such logs, or which it is in a mesh, asked when the log is opened. */
  readonly directory: string | ((context: AdapterContext | undefined) => string);
  /** First part of the origins it makes: one word without `+` and `/`. */
  readonly originPrefix: string;
  readonly rotation: Rotation;
  readonly timezone: LogTimezone;
  /** Days. */
  readonly retention: number;
  readonly compress: boolean;
  readonly sync: 'group' | 'none';
  /** Keys, or the folder of keys. Default: the mesh's `paths.keysDir`, else `defaultKeysDir()`. */
  readonly signWith?: SigningKey | SigningKeys | string | undefined;
  /** Instead of one that is made where the log begins. */
  readonly origin?: string | undefined;
  readonly onCheckpoint?: ((checkpoint: SignedCheckpoint) => void) | undefined;
  /** Default: the mesh's, else warnings to stderr. */
  readonly logger?: Logger | undefined;
  /** Default: the mesh's, else the machine's. */
  readonly clock?: Clock | undefined;
  /** Default: the machine's. */
  readonly fileSystem?: FileSystem | undefined;
  /** What the log is told first whenever it is opened. */
  readonly opening?: ((serviceId: string) => readonly MeshAuditEvent[]) | undefined;
  /** What it is told last. */
  readonly closing?: ((serviceId: string) => readonly MeshAuditEvent[]) | undefined;
}
