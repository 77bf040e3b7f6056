import { dirname } from 'node:path';
import type { FileStatus, FileSystem, LogFile } from '../../src/file-system.js';

/** What a step of the disk is about to do. */
export interface DiskStep {
  readonly kind: 'write' | 'sync' | 'truncate' | 'create' | 'rename' | 'unlink' | 'makeDirectory' | 'syncDirectory' | 'list' | 'status' | 'open' | 'read';
  readonly path: string;
  /** Counts the steps that change something, from 1; those that only look, which come between as they like, from -1 down. */
  readonly number: number;
}

/** `crash …`: the process ends there; nothing it waits for ever comes. `fail`: EIO; a failed sync drops what it should have synced, and calls it clean. `full`: ENOSPC half way. */
export type DiskFault = 'crash before' | 'crash half way' | 'crash after' | 'fail' | 'full';

type Change = { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer } | { readonly kind: 'truncate'; readonly size: number };

interface Inode {
  readonly id: number;
  data: Buffer;
  durable: Buffer;
  /** In the page cache and not on the disk. */
  dirty: Change[];
}

/** What has a name. */
type Entry = Inode | 'folder';
type NameChange = { readonly path: string; readonly entry: Entry | undefined };

/** How much is kept: from 0 (all lost) to 1. */
export type Luck = () => number;

/**
 * `kill`: the page cache is still there. Else the power was cut: the first part of what was written to a file and not synced is kept, or, with `blocks`, each block
 * by itself, with the file as long as if all had been, and zeros where none was: what a file system leaves that is not done in order.
 */
export type Loss = 'kill' | Luck | { readonly blocks: Luck };

const BLOCK_BYTES = 512;

/**
 * A disk and its page cache. What was not synced is lost with the power: every byte, and every name in a folder, that of a folder with all
 * that is in it. Each step asks whether it is to fail.
 */
export class SimulatedDisk implements FileSystem {
  readonly #fault: (step: DiskStep) => DiskFault | undefined;
  #names = new Map<string, Entry>();
  #durableNames = new Map<string, Entry>();
  #nameChanges: NameChange[] = [];
  #nextInode = 1;
  #dead = false;
  steps = 0;
  #looks = 0;

  constructor(fault: (step: DiskStep) => DiskFault | undefined = () => undefined) {
    this.#fault = fault;
  }

  get crashed(): boolean {
    return this.#dead;
  }

  crash(): void {
    this.#dead = true;
  }

  /** The disk as the next process finds it. */
  restart(loss: Loss, fault?: (step: DiskStep) => DiskFault | undefined): SimulatedDisk {
    const next = new SimulatedDisk(fault);
    next.#nextInode = this.#nextInode;
    const copies = new Map<Inode, Inode>();
    const copy = (entry: Entry): Entry => {
      if (entry === 'folder') return entry;
      const data = loss === 'kill' ? entry.data : afterPowerLoss(entry, loss);
      // After a kill the cache lives on, and with it what a failed sync called clean and never wrote.
      const made: Inode = copies.get(entry) ?? { id: entry.id, data, durable: loss === 'kill' ? entry.durable : data, dirty: loss === 'kill' ? [...entry.dirty] : [] };
      copies.set(entry, made);
      return made;
    };
    const copied = (names: ReadonlyMap<string, Entry>): Map<string, Entry> => new Map([...names].map(([path, entry]) => [path, copy(entry)]));
    if (loss === 'kill') {
      next.#names = copied(this.#names);
      next.#durableNames = copied(this.#durableNames);
      next.#nameChanges = this.#nameChanges.map(({ path, entry }) => ({ path, entry: entry && copy(entry) }));
      return next;
    }
    const luck = typeof loss === 'function' ? loss : loss.blocks;
    const kept = new Map(this.#durableNames);
    for (const { path, entry } of this.#nameChanges) {
      if (luck() < 0.5) continue;
      if (entry === undefined) kept.delete(path);
      else kept.set(path, entry);
    }
    // What is in a folder goes with it.
    const reachable = [...kept].filter(([path]) => foldersAbove(path).every((folder) => kept.get(folder) === 'folder'));
    next.#names = copied(new Map(reachable));
    next.#durableNames = new Map(next.#names);
    return next;
  }

  /** For tampering, past the log's back. */
  contents(path: string): Buffer {
    return Buffer.from(this.#at(path).data);
  }

  replace(path: string, data: Buffer | undefined): void {
    for (const folder of foldersAbove(path)) this.#names.set(folder, 'folder');
    if (data === undefined) this.#names.delete(path);
    else this.#names.set(path, { id: this.#nextInode++, data, durable: data, dirty: [] });
    this.#durableNames = new Map(this.#names);
    this.#nameChanges = [];
  }

  /** Of all files. */
  get paths(): string[] {
    return [...this.#names].flatMap(([path, entry]) => (entry === 'folder' ? [] : [path])).sort();
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#step('makeDirectory', path, () => {
      for (const folder of [...foldersAbove(path), path]) if (!this.#names.has(folder)) this.#name(folder, 'folder');
    });
  }

  async list(directory: string): Promise<string[]> {
    await this.#step('list', directory);
    if (!this.#names.has(directory)) throw failure('ENOENT', directory);
    if (this.#names.get(directory) !== 'folder') throw failure('ENOTDIR', directory);
    return [...this.#names.keys()].flatMap((path) => (dirname(path) === directory ? [path.slice(directory.length + 1)] : []));
  }

  async status(path: string): Promise<FileStatus | undefined> {
    await this.#step('status', path);
    const entry = this.#names.get(path);
    return entry === undefined ? undefined : entry === 'folder' ? { identity: path, size: 0 } : statusOf(entry);
  }

  async create(path: string): Promise<LogFile> {
    if (this.#names.has(path)) throw failure('EEXIST', path);
    if (this.#names.get(dirname(path)) !== 'folder') throw failure('ENOENT', path);
    let file: LogFile | undefined;
    await this.#step('create', path, () => {
      const inode: Inode = { id: this.#nextInode++, data: Buffer.alloc(0), durable: Buffer.alloc(0), dirty: [] };
      this.#name(path, inode);
      file = this.#file(path, inode);
    });
    return file as LogFile;
  }

  async open(path: string): Promise<LogFile> {
    await this.#step('open', path);
    return this.#file(path, this.#at(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step('rename', from, () => {
      const inode = this.#at(from);
      this.#name(from, undefined);
      this.#name(to, inode);
    });
  }

  async unlink(path: string): Promise<void> {
    this.#at(path);
    await this.#step('unlink', path, () => this.#name(path, undefined));
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#step('syncDirectory', directory, () => {
      const inside = ({ path }: NameChange): boolean => dirname(path) === directory;
      for (const change of this.#nameChanges.filter(inside)) {
        if (change.entry === undefined) this.#durableNames.delete(change.path);
        else this.#durableNames.set(change.path, change.entry);
      }
      this.#nameChanges = this.#nameChanges.filter((change) => !inside(change));
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
        await this.#step('read', path);
        return inode.data.copy(into, 0, position);
      },
      status: async () => statusOf(inode),
      truncate: (size) => this.#step('truncate', path, () => change({ kind: 'truncate', size })),
      syncData: sync,
      sync,
      close: async () => undefined,
    };
  }

  async #step(kind: DiskStep['kind'], path: string, act?: () => void, onFailure?: () => void, half?: () => void): Promise<void> {
    await this.#alive();
    if (act === undefined) this.#looks += 1;
    else this.steps += 1;
    const fault = this.#fault({ kind, path, number: act === undefined ? -this.#looks : this.steps });
    if (fault === 'fail' || fault === 'full') {
      (fault === 'full' ? half : undefined)?.();
      if (fault === 'fail') onFailure?.();
      throw failure(fault === 'full' ? 'ENOSPC' : 'EIO', path);
    }
    if (fault === 'crash half way') half?.();
    if (fault === undefined || fault === 'crash after') act?.();
    if (fault !== undefined) this.#dead = true;
    await this.#alive();
  }

  /** A process that has ended is told nothing more. */
  async #alive(): Promise<void> {
    if (this.#dead) await new Promise(() => undefined);
    await Promise.resolve();
  }

  #at(path: string): Inode {
    const entry = this.#names.get(path);
    if (entry === undefined) throw failure('ENOENT', path);
    if (entry === 'folder') throw failure('EISDIR', path);
    return entry;
  }

  #name(path: string, entry: Entry | undefined): void {
    if (entry === undefined) this.#names.delete(path);
    else this.#names.set(path, entry);
    this.#nameChanges.push({ path, entry });
  }
}

const statusOf = ({ id, data }: Inode): FileStatus => ({ identity: String(id), size: data.length });

/** The root excepted, which is always there. */
function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === '/' ? [] : [...foldersAbove(folder), folder];
}

function afterPowerLoss({ dirty, durable }: Inode, loss: Luck | { readonly blocks: Luck }): Buffer {
  if (typeof loss === 'function') {
    const kept = loss() * dirty.length;
    return dirty.reduce((bytes, change, index) => (index < kept ? changed(bytes, partOf(change, kept - index)) : bytes), durable);
  }
  const whole = dirty.reduce(changed, durable);
  const kept = Buffer.alloc(whole.length);
  durable.copy(kept);
  for (let start = 0; start < whole.length; start += BLOCK_BYTES) {
    if (loss.blocks() >= 0.5) whole.copy(kept, start, start, start + BLOCK_BYTES);
  }
  return kept;
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
