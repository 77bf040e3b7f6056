import type { Clock } from '@lemur-bookstores/mesh-interface';
import type { FileSystem, WriterLock } from '@lemur-bookstores/mesh-log';
import { Spill } from './spill.js';
import { SpillCursor } from './spill-cursor.js';
import { spillFailure } from './spill-failure.js';
import { adoptOrphans, claimSpillHome, safeName, type ClaimLock, type OnTrouble } from './spill-home.js';
import { scanSpill } from './spill-scan.js';
import { segmentNumber } from './spill-segment.js';

/** Complete options of the spill. */
export interface SpillSettings {
  /** The folder that holds the lanes' folders, for a service. */
  readonly directoryFor: (serviceId: string) => string;
  /** Bytes on disk that a lane's spill may take. */
  readonly maxBytes: number;
  readonly fileSystem: FileSystem;
  readonly claimLock: ClaimLock;
}

/** A spill that nobody else has. */
export interface OpenSpill {
  readonly spill: Spill;
  readonly directory: string;
  readonly lock: WriterLock;
}

/**
 * Opens the spill of one lane, with what earlier processes left in it.
 * @param onTrouble told of folders of earlier processes that cannot be taken over
 * @throws MeshError `spill_failed`
 */
export async function openSpill(
  { directoryFor, maxBytes, fileSystem, claimLock }: SpillSettings,
  serviceId: string,
  lane: string,
  clock: Clock,
  onTrouble: OnTrouble,
): Promise<OpenSpill> {
  const wanted = `${directoryFor(safeName(serviceId))}/${safeName(lane)}`;
  let lock: WriterLock | undefined;
  let cursor: SpillCursor | undefined;
  try {
    const home = await claimSpillHome(fileSystem, claimLock, wanted);
    lock = home.lock;
    const { directory } = home;
    cursor = await SpillCursor.open(fileSystem, directory);
    const numbers = (await fileSystem.list(directory)).map((name) => segmentNumber(name) ?? 0);
    await adoptOrphans(fileSystem, claimLock, wanted, directory, Math.max(cursor.position.segment, ...numbers), onTrouble);
    const remains = await scanSpill(fileSystem, directory, cursor.position);
    return { spill: new Spill({ directory, fileSystem, clock, maxBytes }, cursor, remains), directory, lock };
  } catch (cause) {
    await cursor?.close();
    await lock?.release().catch(() => undefined);
    throw spillFailure(`no audit spill can be opened at '${wanted}'`, cause);
  }
}
