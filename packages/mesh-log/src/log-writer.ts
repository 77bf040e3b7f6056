import { MeshError, type ClockTimer } from '@lemur-bookstores/mesh-interface';
import type { SignedCheckpoint } from './checkpoint.js';
import type { LogTimes } from './clock-watch.js';
import type { Appended } from './commit-queue.js';
import { GroupCommit } from './group-commit.js';
import { claimInstance, type LogInstance } from './log-instance.js';
import { resolveLogOptions, type LogWriterOptions, type ResolvedLogOptions } from './log-options.js';
import { openRefused } from './log-refusals.js';
import type { LogState } from './log-state.js';
import { LogTail, type LogTailStart } from './log-tail.js';
import { Maintenance } from './maintenance.js';
import { eventJson, ownJson } from './record.js';
import { recoverLog, type RecoveredLog } from './recovery.js';
import { RotationSchedule } from './rotation-schedule.js';
import { SegmentWriter } from './segment-writer.js';
import type { SigningKey } from './signing-key.js';
import type { WriterLock } from './writer-lock.js';

/** How often a log looks whether something is due, beside the end of each period: the wall clock may be set. */
const TICK_MS = 3_600_000;

interface OpenedLog extends LogInstance {
  readonly tail: LogTail;
  readonly key: SigningKey;
  readonly times: LogTimes | undefined;
}

/** The writer of one tamper-evident log (PROTOCOL 7). */
export class LogWriter {
  /** The folder it got: with `-2` … behind it for a further instance. */
  readonly directory: string;
  /** With the same behind it. */
  readonly origin: string;
  readonly #options: ResolvedLogOptions;
  readonly #lock: WriterLock;
  readonly #commit: GroupCommit;
  readonly #maintenance: Maintenance;
  readonly #schedule: RotationSchedule;
  #timer: ClockTimer | undefined;
  #key: SigningKey;
  #closed: Promise<void> | undefined;

  private constructor(options: ResolvedLogOptions, { lock, directory, origin, tail, key, times }: OpenedLog) {
    const { clock, logger, rotation, timezone, maxPendingBytes, patienceMs, onCheckpoint } = options;
    this.#schedule = new RotationSchedule(rotation, timezone);
    this.directory = directory;
    this.origin = origin;
    this.#options = options;
    this.#lock = lock;
    this.#key = key;
    this.#commit = new GroupCommit(
      {
        clock,
        logger,
        maxPendingBytes,
        patienceMs,
        rotation: this.#schedule,
        onCheckpoint: (checkpoint) => {
          try {
            onCheckpoint(checkpoint);
          } catch (error) {
            logger.error('onCheckpoint of the audit log threw', { error: MeshError.from(error).message });
          }
        },
        onSegment: () => this.#maintenance.run(),
      },
      tail,
    );
    this.#maintenance = new Maintenance(options, directory, this.#commit, times);
  }

  /**
   * Opens a log, or begins it: claims the folder, recovers what an unclean end left, and signs a first checkpoint.
   * @throws MeshError `invalid_option`, `log_locked`, `log_tampered`, `log_key_missing`, `log_write_failed` where the disk can be neither read nor written
   */
  static async open(options: LogWriterOptions): Promise<LogWriter> {
    const resolved = resolveLogOptions(options);
    const instance = await claimInstance(resolved);
    const { lock, directory, origin } = instance;
    try {
      const found = await recoverLog(resolved.fileSystem, directory);
      const key = keyInForce(found, resolved, instance);
      const tail = new LogTail({ ...resolved, directory, origin, durable: resolved.sync === 'group' }, await startOf(found, resolved, directory, key));
      const writer = new LogWriter(resolved, { ...instance, tail, key, times: found.times });
      await writer.#begin(found);
      return writer;
    } catch (error) {
      await lock.release();
      throw openRefused(directory, error);
    }
  }

  /** What it is doing. */
  get state(): LogState {
    return this.#commit.state;
  }

  /** Verifier key of what it signs now: to be published, and given to `verifyAuditLog`. */
  get publicKey(): string {
    return this.#key.verifierKey(this.origin);
  }

  /**
   * Appends events in order, all or none. Resolves when they are durable (`sync: 'none'`: written).
   * @param events objects, or their JSON as `JSON.stringify` gives it; without members `n`, `prev` and `log`
   * @param options.signal takes them back while they wait for the disk; what is being written then may still be kept
   * @throws MeshError `cancelled`, `log_record_invalid`, `queue_full`, `log_tampered`, `log_write_failed`, `log_closed`
   */
  append(events: readonly (object | string)[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<Appended> {
    try {
      return this.#commit.append(events.map(eventJson), signal);
    } catch (error) {
      return Promise.reject(MeshError.from(error));
    }
  }

  /** Signs a checkpoint over all that is durable, and resolves when it is on disk. */
  checkpoint(): Promise<SignedCheckpoint> {
    return this.#commit.checkpoint();
  }

  /** Begins the next segment. */
  rotate(): Promise<void> {
    return this.#commit.rotate();
  }

  /** Hands the log over to another key: a record names it, and one checkpoint is signed by both (PROTOCOL 7.4). */
  async rotateKey(next: SigningKey): Promise<void> {
    const record = ownJson({ log: 'key_rotated', from: this.publicKey, to: next.verifierKey(this.origin) }, this.#options.clock.now());
    await this.#commit.changeKey(next, record);
    this.#key = next;
  }

  /** Commits what waits, says in the log that it was closed, and signs it. Safe to call twice. @throws MeshError `log_write_failed` */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#timer?.cancel();
    try {
      // Maintenance may be waiting for a disk that takes nothing.
      this.#commit.hurry();
      await this.#maintenance.stop();
      await this.#commit.close(ownJson({ log: 'closed' }, this.#options.clock.now()));
    } finally {
      await this.#lock.release();
    }
  }

  async #begin({ last }: RecoveredLog): Promise<void> {
    const { key, clock } = this.#options;
    try {
      await this.#commit.appendOwn(ownJson({ log: 'opened' }, clock.now()));
      if (!key.publicKey.equals(this.#key.publicKey)) await this.rotateKey(key);
      await this.#commit.checkpoint();
    } catch (error) {
      // The log stopped: there is nothing to say in it any more.
      await this.#commit.close(ownJson({ log: 'closed' }, clock.now())).catch(() => undefined);
      throw error;
    }
    if (last !== undefined) this.#maintenance.run();
    this.#arm();
  }

  #arm(): void {
    const { clock } = this.#options;
    const tick = (): void => {
      this.#commit.tick();
      this.#maintenance.run();
      this.#arm();
    };
    this.#timer = clock.setTimeout(tick, Math.min(this.#schedule.endOf(clock.now()) - clock.now(), TICK_MS));
  }
}

/** The key that the log says is in force. */
function keyInForce({ replay }: RecoveredLog, { key, previousKeys }: ResolvedLogOptions, { directory, origin }: LogInstance): SigningKey {
  if (replay.origin !== undefined && replay.origin !== origin) {
    throw new MeshError('invalid_option', `origin: the log in '${directory}' is '${replay.origin}', not '${origin}'`);
  }
  if (replay.key === undefined) return key;
  const { publicKey } = replay.key;
  const inForce = [key, ...previousKeys].find((candidate) => candidate.publicKey.equals(publicKey));
  if (inForce === undefined) throw new MeshError('log_key_missing', `the log in '${directory}' was signed by ${String(replay.key)}, which is not among the keys: bring the keys folder back that it was begun with, or move the log away and keep it with its key`);
  return inForce;
}

async function startOf(
  { replay, last, uncleanEnd, torn }: RecoveredLog,
  { fileSystem }: ResolvedLogOptions,
  directory: string,
  key: SigningKey,
): Promise<LogTailStart> {
  const end = { tree: replay.tree, previousLeaf: replay.previousLeaf };
  const start = { end, key, nextNumber: (last?.file.number ?? 0) + 1, ...(uncleanEnd && { uncleanEnd }), ...(torn && { abandoned: [torn] }) };
  if (last === undefined || last.file.compressed || torn !== undefined) return start;
  return { ...start, segment: { writer: await SegmentWriter.resume(fileSystem, directory, last.file.number), openedAt: last.openedAt } };
}
