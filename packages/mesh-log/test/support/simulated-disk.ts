import type { FileStatus, FileSystem, LogFile } from '../../src/file-system.js';

/** What a step of the disk is about to do. */
export interface DiskStep {
  readonly kind: 'write' | 'sync' | 'truncate' | 'create' | 'rename' | 'unlink' | 'syncDirectory';
  readonly path: string;
  /** Counts all steps from 1. */
  readonly number: number;
}

/** `crash …`: the process ends there; nothing it waits for ever comes. `fail`: EIO; a failed sync drops what it should have synced, and calls it clean. `full`: ENOSPC half way. */
export type DiskFault = 'crash before' | 'crash half way' | 'crash after' | 'fail' | 'full';

type Change = { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer } | { readonly kind: 'truncate'; readonly size: number };
type NameChange = { readonly path: string; readonly inode: Inode | undefined };

interface Inode {
  readonly id: number;
  data: Buffer;
  durable: Buffer;
  /** In the page cache and not on the disk. */
  dirty: Change[];
}

/** Keeps a change that was not synced, or only the first part of it: from 0 (lost) to 1. */
export type Luck = () => number;

/**
 * A disk and its page cache. What was not synced is lost with the power: every byte, and every name in a folder. Each step that changes
 * something asks whether it is to fail.
 */
export class SimulatedDisk implements FileSystem {
  readonly #fault: (step: DiskStep) => DiskFault | undefined;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #nameChanges: NameChange[] = [];
  #nextInode = 1;
  #dead = false;
  steps = 0;

  constructor(fault: (step: DiskStep) => DiskFault | undefined = () => undefined) {
    this.#fault = fault;
  }

  get crashed(): boolean {
    return this.#dead;
  }

  crash(): void {
    this.#dead = true;
  }

  /** The disk as the next process finds it. `kill`: the page cache is still there. A number or {@link Luck}: the power was cut. */
  restart(loss: 'kill' | Luck, fault?: (step: DiskStep) => DiskFault | undefined): SimulatedDisk {
    const next = new SimulatedDisk(fault);
    next.#nextInode = this.#nextInode;
    const copies = new Map<Inode, Inode>();
    const copy = (inode: Inode): Inode => {
      const known = copies.get(inode);
      if (known !== undefined) return known;
      const data = loss === 'kill' ? inode.data : inode.dirty.reduce((bytes, change) => changed(bytes, partOf(change, loss())), inode.durable);
      // After a kill the cache lives on, and with it what a failed sync called clean and never wrote.
      const made: Inode = { id: inode.id, data, durable: loss === 'kill' ? inode.durable : data, dirty: loss === 'kill' ? [...inode.dirty] : [] };
      copies.set(inode, made);
      return made;
    };
    const kept = new Map(this.#durableNames);
    for (const { path, inode } of this.#nameChanges) {
      if (loss !== 'kill' && loss() < 0.5) continue;
      if (inode === undefined) kept.delete(path);
      else kept.set(path, inode);
    }
    next.#names = new Map([...kept].map(([path, inode]) => [path, copy(inode)]));
    const survives = loss === 'kill' ? this.#durableNames : kept;
    next.#durableNames = new Map([...survives].map(([path, inode]) => [path, copy(inode)]));
    if (loss === 'kill') next.#nameChanges = this.#nameChanges.map(({ path, inode }) => ({ path, inode: inode && copy(inode) }));
    return next;
  }

  /** For tampering, past the log's back. */
  contents(path: string): Buffer {
    return Buffer.from(this.#at(path).data);
  }

  replace(path: string, data: Buffer | undefined): void {
    if (data === undefined) this.#names.delete(path);
    else this.#names.set(path, { id: this.#nextInode++, data, durable: data, dirty: [] });
    this.#durableNames = new Map(this.#names);
  }

  get paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  async makeDirectory(): Promise<void> {
    // Folders are always there.
  }

  async list(directory: string): Promise<string[]> {
    await this.#alive();
    const inside = [...this.#names.keys()].filter((path) => path.startsWith(`${directory}/`)).map((path) => path.slice(directory.length + 1));
    return [...new Set(inside.map((path) => path.replace(/\/.*/, '')))];
  }

  async status(path: string): Promise<FileStatus | undefined> {
    await this.#alive();
    const inode = this.#names.get(path);
    return inode === undefined ? undefined : { identity: String(inode.id), size: inode.data.length };
  }

  async create(path: string): Promise<LogFile> {
    if (this.#names.has(path)) throw failure('EEXIST', path);
    let file: LogFile | undefined;
    await this.#step('create', path, () => {
      const inode: Inode = { id: this.#nextInode++, data: Buffer.alloc(0), durable: Buffer.alloc(0), dirty: [] };
      this.#rename(path, inode);
      file = this.#file(path, inode);
    });
    return file as LogFile;
  }

  async open(path: string): Promise<LogFile> {
    await this.#alive();
    return this.#file(path, this.#at(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step('rename', from, () => {
      const inode = this.#at(from);
      this.#rename(from, undefined);
      this.#rename(to, inode);
    });
  }

  async unlink(path: string): Promise<void> {
    this.#at(path);
    await this.#step('unlink', path, () => this.#rename(path, undefined));
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#step('syncDirectory', directory, () => {
      this.#durableNames = new Map(this.#names);
      this.#nameChanges = [];
    });
  }

  #file(path: string, inode: Inode): LogFile {
    const change = (made: Change): void => {
      inode.data = changed(inode.data, made);
      inode.dirty.push(made);
    };
    const sync = async (): Promise<void> =>
      this.#step(
        'sync',
        path,
        () => {
          inode.durable = inode.dirty.reduce(changed, inode.durable);
          inode.dirty = [];
        },
        // The kernel reports a failed write-back once, and then calls the pages clean.
        () => (inode.dirty = []),
      );
    return {
      write: async (bytes, position) => {
        const whole: Change = { kind: 'write', position, bytes: Buffer.from(bytes) };
        await this.#step('write', path, () => change(whole), undefined, () => change(partOf(whole, 0.5)));
      },
      read: async (into, position) => {
        await this.#alive();
        return inode.data.copy(into, 0, position);
      },
      status: async () => ({ identity: String(inode.id), size: inode.data.length }),
      truncate: (size) => this.#step('truncate', path, () => change({ kind: 'truncate', size })),
      syncData: sync,
      sync,
      close: async () => undefined,
    };
  }

  async #step(kind: DiskStep['kind'], path: string, act: () => void, onFailure?: () => void, half?: () => void): Promise<void> {
    await this.#alive();
    this.steps += 1;
    const fault = this.#fault({ kind, path, number: this.steps });
    if (fault === 'fail' || fault === 'full') {
      (fault === 'full' ? half : undefined)?.();
      if (fault === 'fail') onFailure?.();
      throw failure(fault === 'full' ? 'ENOSPC' : 'EIO', path);
    }
    if (fault === 'crash half way') half?.();
    if (fault === undefined || fault === 'crash after') act();
    if (fault !== undefined) this.#dead = true;
    await this.#alive();
  }

  /** A process that has ended is told nothing more. */
  async #alive(): Promise<void> {
    if (this.#dead) await new Promise(() => undefined);
    await Promise.resolve();
  }

  #at(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw failure('ENOENT', path);
    return inode;
  }

  #rename(path: string, inode: Inode | undefined): void {
    if (inode === undefined) this.#names.delete(path);
    else this.#names.set(path, inode);
    this.#nameChanges.push({ path, inode });
  }
}

function changed(data: Buffer, change: Change): Buffer {
  if (change.kind === 'truncate') return Buffer.concat([data, Buffer.alloc(Math.max(0, change.size - data.length))]).subarray(0, change.size);
  const grown = Buffer.alloc(Math.max(data.length, change.position + change.bytes.length));
  data.copy(grown);
  change.bytes.copy(grown, change.position);
  return grown;
}

const partOf = (change: Change, part: number): Change => (change.kind === 'truncate' ? change : { ...change, bytes: change.bytes.subarray(0, Math.floor(change.bytes.length * Math.min(1, part))) });

const failure = (code: string, path: string): Error => Object.assign(new Error(`${code}: ${path}`), { code });
