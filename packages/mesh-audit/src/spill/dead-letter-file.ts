import { join } from 'node:path';
import { ThrottledWarning, type Clock, type Logger, type MeshError } from '@lemur-bookstores/mesh-interface';
import type { FileSystem, LogFile } from '@lemur-bookstores/mesh-log';
import type { StampedEvent } from '../event-stamper.js';
import { errorCode } from './spill-failure.js';
import { spillLineJson } from './spill-line.js';

const NAME = 'dead-letters.jsonl';
/** Takes the place of the one before: there are never more than two. */
const OLD_NAME = 'dead-letters.old.jsonl';
const MAX_FILE_BYTES = 8 * 1_048_576;
/** What waits for the disk at most; beyond it letters are counted and not kept. */
const MAX_PENDING_BYTES = 1_048_576;

const MAX_ERROR_LENGTH = 8_192;

/** Where dead letters are kept. */
export interface DeadLetterPlace {
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly adapter: string;
}

/**
 * Keeps what an adapter will never get in a file beside its spill, one line of JSON each: when it was given up, why, and the event. The latest
 * 8 to 16 MiB stay. Written behind the deliveries, which wait for nothing here.
 */
export class DeadLetterFile {
  readonly #place: DeadLetterPlace;
  readonly #warning: ThrottledWarning;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #file: { readonly handle: LogFile; size: number } | undefined;
  #writing: Promise<void> | undefined;

  constructor(place: DeadLetterPlace) {
    this.#place = place;
    this.#warning = new ThrottledWarning(place.logger, place.clock, 'error');
  }

  /** Never throws, never waits. */
  add(entries: readonly StampedEvent[], { reason, message }: MeshError): void {
    const time = new Date(this.#place.clock.now()).toISOString();
    for (const entry of entries) {
      const line = Buffer.from(`${JSON.stringify({ time, adapter: this.#place.adapter, reason, error: message.slice(0, MAX_ERROR_LENGTH) }).slice(0, -1)},"event":${spillLineJson(entry)}}\n`);
      if (this.#pendingBytes + line.length > MAX_PENDING_BYTES) {
        this.#warning.warn(`dead letters of audit adapter ${this.#place.adapter} are not kept: the disk does not keep up`);
        continue;
      }
      this.#pending.push(line);
      this.#pendingBytes += line.length;
    }
    if (this.#pending.length > 0) this.#writing ??= this.#write();
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#end();
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const bytes = Buffer.concat(this.#pending);
      this.#pending = [];
      try {
        const file = await this.#openFor(bytes.length);
        await file.handle.write(bytes, file.size);
        await file.handle.syncData();
        file.size += bytes.length;
      } catch (error) {
        this.#warning.warn(`dead letters of audit adapter ${this.#place.adapter} cannot be kept`, { error: errorCode(error) });
        await this.#end();
      }
      this.#pendingBytes -= bytes.length;
    }
    this.#writing = undefined;
  }

  async #openFor(bytes: number): Promise<{ readonly handle: LogFile; size: number }> {
    const { fileSystem, directory } = this.#place;
    const path = join(directory, NAME);
    if (this.#file === undefined) {
      const exists = (await fileSystem.status(path)) !== undefined;
      const handle = exists ? await fileSystem.open(path, 'write') : await fileSystem.create(path);
      this.#file = { handle, size: (await handle.status()).size };
      if (!exists) await fileSystem.syncDirectory(directory);
    }
    if (this.#file.size === 0 || this.#file.size + bytes <= MAX_FILE_BYTES) return this.#file;
    await this.#end();
    await fileSystem.rename(path, join(directory, OLD_NAME));
    return this.#openFor(bytes);
  }

  async #end(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close().catch(() => undefined);
  }
}
