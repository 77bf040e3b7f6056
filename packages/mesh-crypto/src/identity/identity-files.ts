import { systemClock, stderrLogger, type Clock, type IdentityFiles, type IdentityMaterial, type IdentitySource, type Logger } from '@lemur-bookstores/mesh-interface';
import { readIdentityFileSet, toIdentityMaterial } from './identity-file-set.js';
import { IdentityFilesWatch } from './identity-files-watch.js';
import { DEFAULT_SKEW_MS } from './trust-bundle.js';

/** How identity files are read and watched. */
export interface IdentityFilesOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Default: warnings to stderr. */
  readonly logger?: Logger;
  /** How often the files are looked at beside being watched, in ms. Default 30,000. */
  readonly pollMs?: number;
  /** How far this clock may be apart from that of the certificates' issuer, in ms, 0 or more. Default 60,000 (PROTOCOL 5). */
  readonly clockSkewMs?: number;
}

/**
 * Identity from PEM files, as cert-manager, SPIRE or an own CA writes them (PROTOCOL 6.4). The three are taken together or not
 * at all; while running, a broken replacement is reported and the last good ones stay. A key that others than its owner may read
 * is one warning: Kubernetes mounts secrets so.
 *
 * `load()` throws MeshError `identity_unreadable` or `identity_invalid`, naming the file and what to do.
 */
export function identityFilesSource(files: IdentityFiles, options: IdentityFilesOptions = {}): IdentitySource {
  return new IdentityFilesSource({ ...files }, options);
}

class IdentityFilesSource implements IdentitySource {
  readonly local = false;
  readonly #files: IdentityFiles;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #pollMs: number;
  readonly #skewMs: number;
  #digest: string | undefined;
  #id: string | undefined;
  #warned = false;

  constructor(files: IdentityFiles, options: IdentityFilesOptions) {
    this.#files = files;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? stderrLogger;
    this.#pollMs = options.pollMs ?? 30_000;
    this.#skewMs = options.clockSkewMs ?? DEFAULT_SKEW_MS;
  }

  async load(): Promise<IdentityMaterial> {
    const set = await readIdentityFileSet(this.#files);
    const material = toIdentityMaterial(this.#files, set, { now: this.#clock.now(), skewMs: this.#skewMs });
    this.#warnOfExposure(set.keyExposure);
    this.#digest = set.digest;
    this.#id = material.id;
    return material;
  }

  watch(onChange: (material: IdentityMaterial) => void, onError: (error: Error) => void): () => void {
    const watch = new IdentityFilesWatch({
      files: this.#files,
      clock: this.#clock,
      logger: this.#logger,
      pollMs: this.#pollMs,
      skewMs: this.#skewMs,
      digest: this.#digest,
      id: this.#id,
      onChange,
      onError,
    });
    watch.start();
    return () => watch.stop();
  }

  #warnOfExposure(exposure: number): void {
    if (exposure === 0 || this.#warned) return;
    this.#warned = true;
    this.#logger.warn("identity: others than its owner have access to the private key's file; chmod 600 it where you can", { keyFile: this.#files.keyFile });
  }
}
