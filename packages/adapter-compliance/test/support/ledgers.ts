import { join } from 'node:path';
import { FakeClock, silentLogger, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { LogWriter } from '@lemur-bookstores/mesh-log';
import { ledgerEntry, LEDGER_ACTIONS } from '../../src/ledger/ledger-entry.js';
import { key } from './support.js';

export const START = Date.UTC(2026, 0, 1);

/** The ledger's own entries: of a run that has a heartbeat a day. */
export const started = (at: number, service = 'order-service', heartbeatMs = 86_400_000): MeshAuditEvent =>
  ledgerEntry(LEDGER_ACTIONS.started, service, at, { standard: 'PCI-DSS', requirement: '3.7.4', heartbeatMs });
export const alive = (at: number, service = 'order-service'): MeshAuditEvent => ledgerEntry(LEDGER_ACTIONS.alive, service, at);
export const stopped = (at: number, service = 'order-service'): MeshAuditEvent => ledgerEntry(LEDGER_ACTIONS.stopped, service, at);

/** Writes a ledger as the adapter would have, in one segment and the same each time. @returns the note of its last checkpoint before its end */
export async function writeLedger(directory: string, entries: readonly MeshAuditEvent[], name = 'order-service', origin = `example.org/${name}`): Promise<string> {
  const log = await LogWriter.open({
    directory: join(directory, name), origin, key, logger: silentLogger, clock: new FakeClock(START), compress: false, retentionDays: Number.POSITIVE_INFINITY,
    rotation: { maxBytes: 1 << 30 },
  });
  for (let from = 0; from < entries.length; from += 5000) await log.append(entries.slice(from, from + 5000));
  const { note } = await log.checkpoint();
  await log.close();
  return note;
}
