import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, type AuditLaneStats, type MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import type { FileSystem, LogFile } from '@lemur-bookstores/mesh-log';
import { SimulatedDisk } from '../../../mesh-log/test/support/simulated-disk.js';
import { AuditLogger } from '../../src/audit-logger.js';
import type { AuditLoggerOptions, SpillOptions } from '../../src/audit-options.js';
import { RecordingLogger, turns } from '../support.js';

export const DIRECTORY = '/spill';

/** Folders on a simulated disk are claimed by whoever comes first. */
export class Claims {
  readonly held = new Set<string>();
  readonly claim = (directory: string): Promise<{ release(): Promise<void> } | undefined> => {
    if (this.held.has(directory)) return Promise.resolve(undefined);
    this.held.add(directory);
    return Promise.resolve({ release: async () => void this.held.delete(directory) });
  };
}

/** A disk that takes its time: as many turns of the event loop as it is told, before each operation. */
export class SlowDisk implements FileSystem {
  readonly #disk: () => FileSystem;
  readonly #turns: () => number;

  constructor(disk: () => FileSystem, takesTurns: () => number) {
    this.#disk = disk;
    this.#turns = takesTurns;
  }

  readonly makeDirectory: FileSystem['makeDirectory'] = (path) => this.#later(() => this.#disk().makeDirectory(path));
  readonly list: FileSystem['list'] = (path) => this.#later(() => this.#disk().list(path));
  readonly status: FileSystem['status'] = (path) => this.#later(() => this.#disk().status(path));
  readonly rename: FileSystem['rename'] = (from, to) => this.#later(() => this.#disk().rename(from, to));
  readonly unlink: FileSystem['unlink'] = (path) => this.#later(() => this.#disk().unlink(path));
  readonly syncDirectory: FileSystem['syncDirectory'] = (path) => this.#later(() => this.#disk().syncDirectory(path));
  readonly create: FileSystem['create'] = async (path) => this.#slow(await this.#later(() => this.#disk().create(path)));
  readonly open: FileSystem['open'] = async (path, access) => this.#slow(await this.#later(() => this.#disk().open(path, access)));

  #slow(file: LogFile): LogFile {
    return {
      write: (bytes, position) => this.#later(() => file.write(bytes, position)),
      read: (into, position) => this.#later(() => file.read(into, position)),
      status: () => this.#later(() => file.status()),
      truncate: (size) => this.#later(() => file.truncate(size)),
      syncData: () => this.#later(() => file.syncData()),
      sync: () => this.#later(() => file.sync()),
      close: () => this.#later(() => file.close()),
    };
  }

  async #later<T>(operation: () => Promise<T>): Promise<T> {
    await turns(this.#turns());
    return operation();
  }
}

/** Loggers that spill to one simulated disk, on a clock that stands still. */
export class SpillBed {
  readonly clock = new FakeClock();
  readonly logger = new RecordingLogger();
  readonly claims = new Claims();
  disk: SimulatedDisk;

  constructor(disk = new SimulatedDisk()) {
    this.disk = disk;
  }

  audit(adapters: readonly MonitoringAdapter[], options: Omit<AuditLoggerOptions, 'adapters'> = {}, spill: SpillOptions = {}): AuditLogger {
    return new AuditLogger({
      serviceId: 'orders', clock: this.clock, logger: this.logger, retryDelayMs: 100, deliveryTimeoutMs: 500, flushMs: 1_000, ...options, adapters,
      spill: { directory: DIRECTORY, fileSystem: this.disk, claimLock: this.claims.claim, ...spill },
    });
  }

  /** The process of all loggers ended without a word. */
  kill(): void {
    this.disk.crash();
    this.disk = this.disk.restart('kill');
    this.claims.held.clear();
  }

  /** Closes a logger, however long that takes on this clock. */
  async close(audit: AuditLogger): Promise<void> {
    let closed = false;
    const closing = audit.close().then(() => (closed = true));
    for (let turn = 0; turn < 400 && !closed; turn++) {
      await turns(4);
      await this.clock.advance(50);
    }
    await closing;
  }

  /** Moves the clock until something is so. */
  async until(what: string, isSo: () => boolean, stepMs = 0): Promise<void> {
    for (let turn = 0; turn < 3_000; turn++) {
      if (isSo()) return;
      await this.clock.advance(stepMs);
    }
    throw new Error(`never: ${what}`);
  }

  /** What the operational log said, without its fields. */
  get said(): string[] {
    return this.logger.lines.map(({ message }) => message);
  }
}

export const lane = (audit: AuditLogger, index = 0): AuditLaneStats => audit.stats().adapters[index]!;

/** What must always be zero. */
export const imbalance = (stats: AuditLaneStats): number =>
  stats.emitted - stats.filtered - stats.delivered - stats.queued - stats.spilled - stats.deadLettered - stats.dropped;

/** A folder that the test's end removes. */
export function temporaryFolder(parent = tmpdir()): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(parent, 'mesh-spill-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
