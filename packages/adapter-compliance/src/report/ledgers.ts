import { join } from 'node:path';
import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { logDirectories, nodeFileSystem, queryLog, readCheckpoint, verifyAuditLog, type FileSystem, type LogVerification, type TrustOptions } from '@lemur-bookstores/mesh-log';
import { isKept } from '../ledger/kept-events.js';
import { isLedgerAction, ORIGIN_PREFIX } from '../ledger/ledger-entry.js';
import type { ReportedLedger } from './compliance-report.js';
import { fieldsOf, textOf } from './key-event.js';

/** A ledger in a folder, and whose it is. */
export interface FoundLedger {
  /** Folder of it, relative to the one that was asked for; its own name where that is the ledger itself. */
  readonly name: string;
  readonly directory: string;
  readonly service: string;
}

/** The ledgers in a folder of ledgers, or the one that it is. What is no ledger, an audit log for instance, is passed over. */
export async function findLedgers(directory: string, service: string | undefined, fileSystem: FileSystem = nodeFileSystem): Promise<FoundLedger[]> {
  const found: FoundLedger[] = [];
  for (const name of await logDirectories(fileSystem, directory)) {
    const path = join(directory, name);
    const owner = await ownerOf(path, fileSystem);
    if (owner !== undefined && (service === undefined || owner === service)) found.push({ name: name === '' ? '.' : name, directory: path, service: owner });
  }
  return found;
}

/** Reads a ledger whole. @throws MeshError `log_tampered` that names the first bad record; `invalid_option`, `note_invalid` for keys and checkpoints that are none */
export async function verifyLedger({ name, directory, service }: FoundLedger, trust: TrustOptions, fileSystem: FileSystem = nodeFileSystem): Promise<ReportedLedger> {
  const { logs } = await verifyAuditLog(directory, { ...trust, fileSystem });
  // A kept checkpoint of another log is missed here, which is not this ledger's fault.
  const log = logs.find((each) => each.directory === directory);
  if (log === undefined || log.status === 'tampered') throw tampered(directory, log);
  return {
    service,
    ledger: name,
    origin: log.origin ?? '',
    status: log.status,
    records: log.size,
    root: log.root,
    notAuthenticated: log.notAuthenticated.map(({ from, to, why }) => ({ from, to, why })),
    retired: log.retired === undefined ? 0 : log.retired.to - log.retired.from,
  };
}

/** @throws MeshError `log_tampered` where a checkpoint was kept of a ledger that is not there; of other logs it says nothing */
export function assertNoneIsGone(checkpoint: TrustOptions['checkpoint'], ledgers: readonly ReportedLedger[]): void {
  for (const { origin } of [checkpoint ?? []].flat().map((note) => readCheckpoint(note))) {
    if (!origin.startsWith(`${ORIGIN_PREFIX}/`) || ledgers.some((ledger) => ledger.origin === origin)) continue;
    throw new MeshError('log_tampered', `the ledger '${origin}', of which a checkpoint was kept, is not there. No report is made without it`, { details: { origin } });
  }
}

/** Whose ledger it is; `undefined` for another log: a ledger has entries of its own, and none but those that it keeps. */
async function ownerOf(directory: string, fileSystem: FileSystem): Promise<string | undefined> {
  for await (const { event } of queryLog(directory, { fileSystem })) {
    if (isLedgerAction(fieldsOf(event['details'])['action'])) return textOf(event['serviceId']);
    if (!isKept(event as unknown as MeshAuditEvent)) return undefined;
  }
  return undefined;
}

function tampered(directory: string, log: LogVerification | undefined): MeshError {
  const { record, segment, text } = log?.problem ?? { record: 0, segment: undefined, text: 'there is no log' };
  const place = segment === undefined ? '' : ` in ${segment}`;
  return new MeshError('log_tampered', `the ledger in '${directory}' cannot be trusted from record ${record}${place} on: ${text}. No report is made from it`, { details: { directory, record, segment } });
}
