import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger, ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import type { SecureMeshOptions } from '../../src/options.js';
import { SecureMesh } from '../../src/secure-mesh.js';
import { RecordingAdapter } from './recording-adapter.js';

/** A mesh of a test, and what it logged and audited. */
export interface TestMesh {
  readonly mesh: SecureMesh;
  readonly audit: RecordingAdapter;
  readonly log: string[];
}

interface Closable {
  close(): Promise<unknown>;
}

/** Folders of their own for keys and registry, and everything a test started: gone when it ends. */
export class TestBed {
  readonly folder = mkdtempSync(join(tmpdir(), 'mesh-test-'));
  readonly paths = { keysDir: join(this.folder, 'keys'), runtimeDir: join(this.folder, 'run'), logsDir: join(this.folder, 'logs') };
  readonly #open: Closable[] = [];

  /** A mesh on a free port, not yet initialized. */
  mesh(options: Partial<SecureMeshOptions> & { readonly serviceId: string }): TestMesh {
    const others: readonly ManagedAdapter[] = options.monitoring?.adapters ?? [];
    // Where a test has a durable adapter of its own, what waits for one waits for that.
    const audit = new RecordingAdapter(!others.some(({ durable }) => durable === true));
    const log: string[] = [];
    const { monitoring, ...rest } = options;
    const mesh = new SecureMesh({
      port: 0,
      paths: this.paths,
      logger: collectingLogger(log),
      monitoring: { ...monitoring, adapters: [audit, ...others] },
      ...rest,
    });
    this.closing(mesh);
    return { mesh, audit, log };
  }

  /** The same, initialized. */
  async running(options: Partial<SecureMeshOptions> & { readonly serviceId: string }): Promise<TestMesh & { readonly port: number }> {
    const made = this.mesh(options);
    await made.mesh.initialize();
    return { ...made, port: made.mesh.port as number };
  }

  /** Closes it with the bed, last first. */
  closing<T extends Closable>(closable: T): T {
    this.#open.push(closable);
    return closable;
  }

  /** For `afterEach`. */
  async close(): Promise<void> {
    for (const closable of this.#open.splice(0).reverse()) await closable.close();
  }

  /** For `afterAll`. */
  async remove(): Promise<void> {
    await this.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function collectingLogger(lines: string[]): Logger {
  const add = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  return { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') };
}
