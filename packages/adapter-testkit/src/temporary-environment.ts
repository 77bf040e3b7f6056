import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MeshPaths } from '@lemur-bookstores/mesh-interface';
import type { TrialEnvironment } from './adapter-description.js';

/** The surroundings of one subject. The folder is made when somebody asks for it: most sinks need none. */
export class TemporaryEnvironment implements TrialEnvironment {
  readonly unique = `testkit-${randomBytes(8).toString('hex')}`;
  #directory: string | undefined;

  get directory(): string {
    this.#directory ??= mkdtempSync(join(tmpdir(), 'adapter-testkit-'));
    return this.#directory;
  }

  get paths(): MeshPaths {
    const { directory } = this;
    return { keysDir: join(directory, 'keys'), logsDir: join(directory, 'logs'), runtimeDir: join(directory, 'run') };
  }

  /** Removes the folder with all that is in it. */
  remove(): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }
}
