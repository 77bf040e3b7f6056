import { mkdtempSync, rmSync } from 'node:fs';
import { cpSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { silentLogger, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { LogWriterOptions } from '../../src/log-options.js';
import { LogWriter } from '../../src/log-writer.js';
import { SigningKey } from '../../src/signing-key.js';

const made: string[] = [];
afterAll(() => made.splice(0).forEach((path) => rmSync(path, { recursive: true, force: true })));

/** A folder that is gone after the tests. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'mesh-log-'));
  made.push(path);
  return path;
}

export const ORIGIN = 'example.org/order-service';
export const key = SigningKey.generate();
export const publicKey = key.verifierKey(ORIGIN);

export const openLog = (directory: string, options: Partial<LogWriterOptions> = {}): Promise<LogWriter> =>
  LogWriter.open({ directory, origin: ORIGIN, key, logger: silentLogger, compress: false, ...options });

export const event = (sequence: number): object => ({
  sequence,
  timestamp: new Date(Date.UTC(2026, 0, 1) + sequence * 1000),
  eventType: sequence % 2 === 0 ? 'message' : 'connection',
  serviceId: 'order-service',
  details: { action: 'message.sent', success: sequence % 3 !== 0 },
});

let sequence = 0;

/** As a mesh hands them to adapters. */
export function auditEvent(more: Partial<MeshAuditEvent> = {}): MeshAuditEvent {
  sequence += 1;
  return Object.freeze({
    id: `01890a5d-ac96-774b-bcce-${String(sequence).padStart(12, '0')}`,
    sequence,
    timestamp: new Date(Date.UTC(2026, 0, 1) + sequence),
    eventType: 'connection' as const,
    serviceId: 'order-service',
    details: Object.freeze({ action: 'auth.failed', success: false, metadata: { peer: 'payment-service' } }),
    ...more,
  });
}

/** A copy of a log, without what is no file. */
export function copyOf(directory: string): string {
  const copy = join(temporaryDirectory(), 'log');
  cpSync(directory, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  return copy;
}

export const segmentsIn = (directory: string): string[] => readdirSync(directory).filter((name) => name.startsWith('audit-')).sort();
