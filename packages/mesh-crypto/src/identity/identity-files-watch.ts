import { watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { MeshError, type Clock, type ClockTimer, type IdentityFiles, type IdentityMaterial, type Logger } from '@lemur-bookstores/mesh-interface';
import { callListener } from './call-listener.js';
import { readIdentityFileSet, toIdentityMaterial } from './identity-file-set.js';

/** Changes that come together are looked at once. */
const SETTLE_MS = 100;

/** Trouble is told only if it is still there after this: writers that replace three files one by one are no error. */
const CONFIRM_MS = 1_000;

/** What a watch needs. */
export interface IdentityFilesWatchOptions {
  readonly files: IdentityFiles;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pollMs: number;
  /** How far clocks may be apart, in ms. */
  readonly skewMs: number;
  /** Digest of the material in use: not reported again. */
  readonly digest: string | undefined;
  /** Id of the material in use: another one is refused (PROTOCOL 6.4). */
  readonly id: string | undefined;
  readonly onChange: (material: IdentityMaterial) => void;
  readonly onError: (error: Error) => void;
}

/**
 * Watches three files for a new, complete and valid set. It watches their directories, for a watch on a file ends when the file
 * is replaced (Kubernetes swaps the symlink `..data` beside it), and polls too, for not every file system tells.
 */
export class IdentityFilesWatch {
  readonly #options: IdentityFilesWatchOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  #digest: string | undefined;
  #id: string | undefined;
  /** What was wrong at the last look, and whether it was told. */
  #trouble: { readonly what: string; told: boolean } | undefined;
  #poll: ClockTimer | undefined;
  #soon: ClockTimer | undefined;
  #looking = false;
  #stopped = false;

  constructor(options: IdentityFilesWatchOptions) {
    this.#options = options;
    this.#digest = options.digest;
    this.#id = options.id;
  }

  start(): void {
    this.#schedulePoll();
    this.#watchDirectories();
    this.#lookIn(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#poll?.cancel();
    this.#soon?.cancel();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #schedulePoll(): void {
    const { clock, pollMs } = this.#options;
    this.#poll = clock.setTimeout(() => {
      this.#schedulePoll();
      this.#watchDirectories();
      this.#lookIn(0);
    }, pollMs);
  }

  #watchDirectories(): void {
    const { files, logger } = this.#options;
    for (const directory of new Set([files.certFile, files.keyFile, files.caFile].map((file) => dirname(file)))) {
      if (this.#watchers.has(directory)) continue;
      const fail = (error: unknown): void => {
        this.#watchers.get(directory)?.close();
        this.#watchers.delete(directory);
        logger.debug('identity: the directory is only polled', { directory, error: MeshError.from(error).text });
      };
      try {
        const watcher = watch(directory, { persistent: false }, () => this.#lookIn(SETTLE_MS));
        this.#watchers.set(directory, watcher.on('error', fail));
      } catch (error) {
        fail(error);
      }
    }
  }

  #lookIn(delayMs: number): void {
    if (this.#stopped) return;
    this.#soon?.cancel();
    this.#soon = this.#options.clock.setTimeout(() => void this.#look(), delayMs);
  }

  async #look(): Promise<void> {
    if (this.#looking) return this.#lookIn(SETTLE_MS);
    this.#looking = true;
    let digest: string | undefined;
    try {
      const set = await readIdentityFileSet(this.#options.files);
      digest = set.digest;
      if (this.#stopped || digest === this.#digest) {
        set.key.fill(0);
        this.#trouble = undefined;
      } else {
        const { files, clock, skewMs } = this.#options;
        this.#take(digest, toIdentityMaterial(files, set, { now: clock.now(), skewMs }));
      }
    } catch (error) {
      if (!this.#stopped) this.#refuse(MeshError.from(error), digest);
    } finally {
      this.#looking = false;
    }
  }

  #take(digest: string, material: IdentityMaterial): void {
    if (this.#id !== undefined && material.id !== this.#id) {
      throw new MeshError('identity_invalid', `the files now hold ${material.id}, this service is ${this.#id}: a new id needs a restart`);
    }
    this.#digest = digest;
    this.#id = material.id;
    this.#trouble = undefined;
    this.#call(() => this.#options.onChange(material));
  }

  /** Contents are told once: what is wrong with them may be put differently each time, as "expired, it is now …". */
  #refuse(error: MeshError, digest = error.message): void {
    if (this.#trouble?.what !== digest) {
      this.#trouble = { what: digest, told: false };
      this.#lookIn(CONFIRM_MS);
    } else if (!this.#trouble.told) {
      this.#trouble.told = true;
      this.#call(() => this.#options.onError(error));
    }
  }

  /** What a listener throws must not look like trouble with the files. */
  #call(listener: () => void): void {
    callListener(listener, (error) => this.#options.logger.error('identity: a listener failed', { error: MeshError.from(error).text }));
  }
}
