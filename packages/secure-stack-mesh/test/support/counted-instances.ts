import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, type ChildEnd } from './child.js';
import type { TestBed } from './test-bed.js';

/** At once, or in good order. */
export type Ending = 'SIGKILL' | 'SIGTERM';

interface Started {
  readonly pid: number;
  readonly port: number;
}

/** One place of a service: a process runs there, then another. */
export interface Place {
  readonly child: Child;
  readonly started: Started;
}

/** Instances of `payments` in processes of their own, one place each. Which call ran how often is known of those that are gone, too. */
export class CountedInstances {
  readonly #bed: TestBed;
  readonly #folder: string;
  readonly #fixedPorts: boolean;
  readonly #files: string[] = [];
  readonly #places: (Place | undefined)[] = [];
  readonly #ports: number[] = [];
  readonly #hanging = new Set<number>();

  /** @param fixedPorts each place keeps the port of its first process */
  constructor(bed: TestBed, fixedPorts = false) {
    this.#bed = bed;
    this.#folder = mkdtempSync(join(bed.folder, 'runs-'));
    this.#fixedPorts = fixedPorts;
  }

  /** Places with a process that listens and runs. */
  get up(): number {
    return [...this.#places].filter((place, index) => place !== undefined && !this.#hanging.has(index)).length;
  }

  get ports(): readonly number[] {
    return this.#ports;
  }

  /** Processes there have been. */
  get started(): number {
    return this.#files.length;
  }

  async start(index: number): Promise<void> {
    const { keysDir, runtimeDir } = this.#bed.paths;
    const file = join(this.#folder, String(this.#files.length));
    this.#files.push(file);
    const port = this.#fixedPorts ? (this.#ports[index] ?? 0) : 0;
    const child = this.#bed.closing(new Child('counted-instance.mjs', { MESH_KEYS_DIR: keysDir, MESH_RUNTIME_DIR: runtimeDir, RUNS_FILE: file, PORT: String(port) }));
    const started = await child.next<Started>();
    this.#ports[index] = started.port;
    this.#places[index] = { child, started };
  }

  /** Ends the process of a place, and waits until it is gone. */
  async end(index: number, how: Ending): Promise<ChildEnd> {
    const { child } = this.#at(index);
    this.#places[index] = undefined;
    this.#hanging.delete(index);
    child.kill(how);
    return child.ended;
  }

  /** Stops it in the middle of whatever it does: its connections stay open, and nobody answers. */
  hang(index: number): void {
    this.#hanging.add(index);
    this.#at(index).child.kill('SIGSTOP');
  }

  goOn(index: number): void {
    this.#hanging.delete(index);
    this.#at(index).child.kill('SIGCONT');
  }

  pidOf(index: number): number {
    return this.#at(index).started.pid;
  }

  /** How often each call ran, over all processes there have been. */
  runs(): Map<string, number> {
    const runs = new Map<string, number>();
    for (const file of this.#files) {
      for (const key of readFileSync(file, 'utf8').split('\n')) if (key !== '') runs.set(key, (runs.get(key) ?? 0) + 1);
    }
    return runs;
  }

  #at(index: number): Place {
    const place = this.#places[index];
    if (place === undefined) throw new Error(`nobody is at place ${index}`);
    return place;
  }
}
