import { FakeClock, MeshError, silentLogger } from '@lemur-bookstores/mesh-interface';
import { expect } from '@jest/globals';
import type { LogWriterOptions } from '../../src/log-options.js';
import { LogWriter } from '../../src/log-writer.js';
import { queryLog } from '../../src/query.js';
import { SigningKey } from '../../src/signing-key.js';
import { verifyAuditLog } from '../../src/verify-audit-log.js';
import type { SimulatedDisk } from './simulated-disk.js';

export const DIRECTORY = '/logs/order-service';
export const ORIGIN = 'example.org/order-service';

/** One log on a simulated disk, and a witness who keeps what was acknowledged and every checkpoint. */
export class SimulatedLog {
  readonly key = SigningKey.generate();
  readonly nextKey = SigningKey.generate();
  readonly clock = new FakeClock(Date.UTC(2026, 0, 1, 12));
  /** By index. */
  readonly acknowledged = new Map<number, string>();
  readonly checkpoints: string[] = [];
  readonly options: Partial<LogWriterOptions>;
  disk: SimulatedDisk;
  #writer: LogWriter | undefined;
  #count = 0;

  constructor(disk: SimulatedDisk, options: Partial<LogWriterOptions> = {}) {
    this.disk = disk;
    this.options = options;
  }

  get writer(): LogWriter {
    return this.#writer as LogWriter;
  }

  get publicKey(): string {
    return this.key.verifierKey(ORIGIN);
  }

  async open(options: Partial<LogWriterOptions> = {}): Promise<void> {
    this.#writer = await this.drive(
      LogWriter.open({
        directory: DIRECTORY,
        origin: ORIGIN,
        key: this.key,
        clock: this.clock,
        logger: silentLogger,
        fileSystem: this.disk,
        claimLock: async () => ({ release: async () => undefined }),
        compress: false,
        timezone: 'utc',
        onCheckpoint: ({ note }) => this.checkpoints.push(note),
        ...this.options,
        ...options,
      }),
    );
  }

  /**
   * With `sync: 'none'`, after a loss of power: what no checkpoint covers may be gone, and its place taken. What was written again in a new
   * segment stands one further on for each.
   */
  forgetUncovered(): void {
    const covered = Math.max(0, ...this.checkpoints.map((note) => Number(note.split('\n')[1]))) - this.disk.paths.length;
    for (const index of this.acknowledged.keys()) if (index >= covered) this.acknowledged.delete(index);
  }

  /** Appends without waiting: the witness hears of what is acknowledged, however late. */
  append(count: number, bytes = 40): Promise<void> {
    const events = Array.from({ length: count }, () => JSON.stringify({ eventType: 'message', sequence: this.#count++, text: 'x'.repeat(bytes) }));
    return this.writer.append(events).then(({ first }) => events.forEach((event, index) => this.acknowledged.set(first + index, event)));
  }

  /** Moves the clock until it is done; a disk that crashed leaves it undone. */
  async drive<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const settled = (): void => void (done = true);
    promise.then(settled, settled);
    const deadline = performance.now() + 10_000;
    for (let turn = 0; !done; turn++) {
      if (this.disk.crashed) throw new Crashed();
      if (performance.now() > deadline) throw new Error('nothing moves any more');
      await this.clock.advance(turn < 10 ? 0 : 500);
    }
    return promise;
  }

  /** Waits until closed segments are compressed, but for those that were given up. The machine's zlib takes its own time for that. */
  async putAway(): Promise<void> {
    const isPutAway = (): boolean => {
      const plain = this.disk.paths.filter((path) => path.endsWith('.jsonl'));
      const givenUp = new Set(plain.flatMap((path) => [...this.disk.contents(path).toString('latin1', 0, 4096).matchAll(/\{"segment":(\d+),"bytes"/g)].map(([, number]) => Number(number))));
      return plain.filter((path) => !givenUp.has(Number(/-(\d+)\./.exec(path)?.[1]))).length <= 1;
    };
    for (let turn = 0; turn < 1000 && !isPutAway() && !this.disk.crashed; turn++) await this.clock.advance(0);
  }

  /** What is in the log, by index. */
  async read(): Promise<Map<number, string>> {
    const found = new Map<number, string>();
    for await (const { n, event } of queryLog(DIRECTORY, { fileSystem: this.disk })) found.set(n, JSON.stringify(event));
    return found;
  }

  /** Nothing acknowledged is missing or different, and the log is what the witness kept. */
  async check(): Promise<void> {
    const { disk: fileSystem } = this;
    // Read before it is verified: meanwhile records may be retired.
    const found = await this.read();
    const { status, logs } = await verifyAuditLog(DIRECTORY, { publicKey: this.publicKey, checkpoint: this.checkpoints, fileSystem });
    expect([status, logs[0]?.problem]).toEqual(['authentic', undefined]);
    const retired = logs[0]?.retired?.to ?? 0;
    const all = new Set(found.values());
    for (const [index, event] of this.acknowledged) {
      if (index < retired) continue;
      if (this.options.sync === 'none') expect([index, all.has(event)]).toEqual([index, true]);
      else expect([index, found.get(index)]).toEqual([index, event]);
    }
  }
}

/** The process of the log ended. */
export class Crashed extends Error {}

/** Passes over what a crash or a full disk makes of a step. */
export async function unlessCrashed(step: Promise<unknown>): Promise<void> {
  try {
    await step;
  } catch (error) {
    if (!(error instanceof Crashed) && !MeshError.is(error)) throw error;
  }
}
