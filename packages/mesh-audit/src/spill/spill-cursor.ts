import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { FileSystem, LogFile } from '@lemur-bookstores/mesh-log';
import type { SpillPosition } from './spill-segment.js';

const NAME = 'cursor';
/** Two slots that are written in turn: one that a crash tears leaves the other. */
const SLOT_BYTES = 64;

/**
 * Keeps on disk up to where a spill was delivered. It is written and synced behind the deliveries: where the last word is lost, events come
 * twice, which their ids tell, and none is lost.
 */
export class SpillCursor {
  readonly #file: LogFile;
  #turn: number;
  #wanted: SpillPosition;
  #saved: SpillPosition;
  #saving: Promise<void> | undefined;

  private constructor(file: LogFile, turn: number, position: SpillPosition) {
    this.#file = file;
    this.#turn = turn;
    this.#wanted = position;
    this.#saved = position;
  }

  /** Opens or makes the cursor of a spill. */
  static async open(fileSystem: FileSystem, directory: string): Promise<SpillCursor> {
    const path = join(directory, NAME);
    const file = (await fileSystem.status(path)) === undefined ? await fileSystem.create(path) : await fileSystem.open(path, 'write');
    const bytes = Buffer.alloc(2 * SLOT_BYTES);
    await file.read(bytes, 0);
    let [turn, position] = [0, { segment: 0, offset: 0 }];
    for (let slot = 0; slot < 2; slot++) {
      const found = parse(bytes.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES));
      if (found !== undefined && found.turn > turn) [turn, position] = [found.turn, found.position];
    }
    return new SpillCursor(file, turn, position);
  }

  /** Everything before this was delivered. */
  get position(): SpillPosition {
    return this.#wanted;
  }

  /** Never waits: while one position is written, the last of those that come is next. */
  move(position: SpillPosition): void {
    this.#wanted = position;
    this.#saving ??= this.#save();
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#saving;
    await this.#file.close().catch(() => undefined);
  }

  async #save(): Promise<void> {
    while (this.#saved !== this.#wanted) {
      const position = this.#wanted;
      this.#turn++;
      try {
        await this.#file.write(format(this.#turn, position), (this.#turn % 2) * SLOT_BYTES);
        await this.#file.syncData();
      } catch {
        // The next position tries again; see above for what is at stake.
      }
      this.#saved = position;
    }
    this.#saving = undefined;
  }
}

function format(turn: number, { segment, offset }: SpillPosition): Buffer {
  const text = `${turn} ${segment} ${offset}`;
  return Buffer.from(`${text} ${crc32(text)}`.padEnd(SLOT_BYTES - 1).concat('\n'));
}

function parse(slot: Buffer): { readonly turn: number; readonly position: SpillPosition } | undefined {
  const match = /^((\d+) (\d+) (\d+)) (\d+) *\n$/.exec(slot.toString('latin1'));
  if (match === null || crc32(match[1]!) !== Number(match[5])) return undefined;
  return { turn: Number(match[2]), position: { segment: Number(match[3]), offset: Number(match[4]) } };
}
