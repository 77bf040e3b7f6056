import { randomUUID } from 'node:crypto';
import { watch as watchDirectory, type FSWatcher } from 'node:fs';
import { lstat, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger, systemClock, type Clock, type ClockTimer, type DiscoveryProvider, type Logger, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { ownProcess, processState, type ProcessIdentity } from './process-identity.js';
import { defaultRuntimeDir, ensurePrivateDirectory } from './registry-directory.js';
import { assertServiceId, isServiceId } from './service-id.js';

/** Dead processes give no sign: they are looked for this often, in ms. */
const POLL_MS = 1_000;
/** Cleaners of temporary folders take away what nobody touches: the own entries are looked after this often, in ms. */
const UPKEEP_MS = 30_000;
const MAX_ENTRY_BYTES = 4 * 1024;
const MAX_ENTRIES = 1_000;

interface Entry {
  readonly host: string;
  readonly port: number;
  readonly instanceId: string;
  readonly process: ProcessIdentity;
}

/** An entry of this process. */
interface Registration {
  readonly serviceId: string;
  readonly name: string;
  readonly entry: Entry;
}

export interface LocalDiscoveryOptions {
  /** Where the registry is kept. Default {@link defaultRuntimeDir}. */
  readonly runtimeDir?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * Services of the same user on the same filesystem find each other by name: each leaves one file an instance in a private folder,
 * and who looks takes away the files of dead processes.
 */
export class LocalDiscovery implements DiscoveryProvider {
  readonly local = true;
  readonly #runtimeDir: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #registered = new Map<string, Registration>();
  #upkeep: ClockTimer | undefined;
  #upkeepError = '';
  readonly #stops = new Set<() => void>();

  constructor(options: LocalDiscoveryOptions = {}) {
    this.#runtimeDir = options.runtimeDir ?? defaultRuntimeDir();
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  get description(): string {
    return `${this.#runtimeDir}; local discovery sees only this user on this filesystem; in containers set discovery and identity`;
  }

  /** @throws MeshError `invalid_option` (the id), `runtime_dir_unsafe` */
  async register(node: ServiceNode): Promise<void> {
    assertServiceId(node.id);
    const entry: Entry = { host: node.host, port: node.port, instanceId: node.instanceId ?? randomUUID(), process: ownProcess() };
    const registration: Registration = { serviceId: node.id, name: `${randomUUID()}.json`, entry };
    await this.#write(registration);
    this.#registered.set(keyOf(node), registration);
    this.#upkeep ??= this.#clock.setTimeout(() => void this.#lookAfter(), UPKEEP_MS);
  }

  async deregister(node: ServiceNode): Promise<void> {
    const registration = this.#registered.get(keyOf(node));
    this.#registered.delete(keyOf(node));
    if (this.#registered.size === 0) this.#stopUpkeep();
    if (registration !== undefined) await this.#remove(registration);
  }

  async discover(serviceId: string): Promise<ServiceNode[]> {
    if (!isServiceId(serviceId)) return [];
    const directory = this.#directoryOf(serviceId);
    const names = (await readdir(directory)).filter((name) => name.endsWith('.json')).slice(0, MAX_ENTRIES);
    const nodes = await Promise.all(names.map((name) => this.#read(serviceId, join(directory, name))));
    return nodes.filter((node) => node !== undefined).sort((a, b) => a.port - b.port);
  }

  watch(serviceId: string, listener: (nodes: ServiceNode[]) => void): () => void {
    if (!isServiceId(serviceId)) return () => {};
    let known = '';
    let failure = '';
    let timer: ClockTimer | undefined;
    let watcher: FSWatcher | undefined;
    let stopped = false;
    const look = async (): Promise<void> => {
      try {
        const nodes = await this.discover(serviceId);
        failure = '';
        const found = JSON.stringify(nodes);
        if (stopped || found === known) return;
        known = found;
        listener(nodes);
      } catch (error) {
        // The same trouble comes back with every look, each second.
        const { message } = error as Error;
        if (!stopped && message !== failure) this.#logger.warn(`cannot read the local registry: ${message}`);
        failure = message;
      }
    };
    const poll = (): void => {
      if (stopped) return;
      timer = this.#clock.setTimeout(() => void look().then(poll), POLL_MS);
    };
    try {
      watcher = watchDirectory(this.#directoryOf(serviceId), { persistent: false }, () => void look());
      // Polling alone still works, only more slowly.
      watcher.on('error', () => watcher?.close());
    } catch (error) {
      this.#logger.warn(`cannot watch the local registry, polling: ${(error as Error).message}`);
    }
    void look().then(poll);
    const stop = (): void => {
      stopped = true;
      timer?.cancel();
      watcher?.close();
      this.#stops.delete(stop);
    };
    this.#stops.add(stop);
    return stop;
  }

  async close(): Promise<void> {
    for (const stop of [...this.#stops]) stop();
    const registrations = [...this.#registered.values()];
    this.#registered.clear();
    this.#stopUpkeep();
    await Promise.all(registrations.map((registration) => this.#remove(registration)));
  }

  /** Writes again what somebody took away: a service that lives stays findable. */
  async #lookAfter(): Promise<void> {
    try {
      for (const [key, registration] of this.#registered) {
        if (await exists(this.#fileOf(registration))) continue;
        await this.#write(registration);
        // Taken back while it was written.
        if (this.#registered.get(key) !== registration) await this.#remove(registration);
      }
      this.#upkeepError = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#upkeepError) this.#logger.warn(`cannot look after the own entries of the local registry: ${message}`);
      this.#upkeepError = message;
    }
    // One chain, also where something was registered anew meanwhile.
    this.#stopUpkeep();
    this.#upkeep = this.#registered.size === 0 ? undefined : this.#clock.setTimeout(() => void this.#lookAfter(), UPKEEP_MS);
  }

  #stopUpkeep(): void {
    this.#upkeep?.cancel();
    this.#upkeep = undefined;
  }

  /** Whole or not at all: a reader never sees half an entry. */
  async #write(registration: Registration): Promise<void> {
    this.#directoryOf(registration.serviceId);
    const file = this.#fileOf(registration);
    await writeFile(`${file}.tmp`, JSON.stringify(registration.entry), { flag: 'wx', mode: 0o600 });
    await rename(`${file}.tmp`, file);
  }

  #remove(registration: Registration): Promise<void> {
    return rm(this.#fileOf(registration), { force: true });
  }

  #fileOf({ serviceId, name }: Registration): string {
    return join(this.#runtimeDir, 'registry', serviceId, name);
  }

  /** Callers check ids before they name a folder. */
  #directoryOf(serviceId: string): string {
    ensurePrivateDirectory(this.#runtimeDir);
    const directory = join(this.#runtimeDir, 'registry', serviceId);
    ensurePrivateDirectory(directory);
    return directory;
  }

  async #read(serviceId: string, file: string): Promise<ServiceNode | undefined> {
    try {
      const stat = await lstat(file);
      if (!stat.isFile() || stat.size > MAX_ENTRY_BYTES) return undefined;
      const entry = parseEntry(await readFile(file, 'utf8'));
      if (entry === undefined) return undefined;
      const state = processState(entry.process);
      if (state === 'dead') await unlink(file);
      return state === 'alive' ? { id: serviceId, host: entry.host, port: entry.port, instanceId: entry.instanceId } : undefined;
    } catch (error) {
      // Another reader took the dead entry away first, or it is not ours to read. Anything else must not look like a service that left.
      if (['ENOENT', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
      throw error;
    }
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function parseEntry(text: string): Entry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const entry = value as Partial<Entry> | null;
  if (typeof entry?.host !== 'string' || !isBetween(entry.port, 1, 0xffff) || typeof entry.instanceId !== 'string') return undefined;
  const owner = entry.process as Partial<ProcessIdentity> | undefined;
  // kill(0) and kill(-1) would ask about groups of processes.
  if (!isBetween(owner?.pid, 1, 0x7fff_ffff) || typeof owner?.startedAt !== 'string' || typeof owner.namespace !== 'string') return undefined;
  return entry as Entry;
}

const isBetween = (value: unknown, least: number, most: number): boolean => Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

const keyOf = (node: ServiceNode): string => `${node.id} ${node.host} ${node.port}`;
