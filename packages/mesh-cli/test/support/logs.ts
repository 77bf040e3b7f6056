import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { silentLogger } from '@lemur-bookstores/mesh-interface';
import { LogWriter, SigningKey, type LogWriterOptions } from '@lemur-bookstores/mesh-log';

const made: string[] = [];
afterAll(() => made.splice(0).forEach((path) => rmSync(path, { recursive: true, force: true })));

/** A folder that is gone after the tests. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'mesh-cli-'));
  made.push(path);
  return path;
}

export const ORIGIN = 'example.org/order-service';
export const key = SigningKey.generate();
export const publicKey = key.verifierKey(ORIGIN);

export const openLog = (directory: string, options: Partial<LogWriterOptions> = {}): Promise<LogWriter> =>
  LogWriter.open({ directory, origin: ORIGIN, key, logger: silentLogger, compress: false, ...options });

export const START = Date.UTC(2026, 0, 1);

/** An event as the mesh gives it to its adapters, one a second from {@link START} on. */
export const event = (sequence: number, details: object = {}, more: object = {}): object => ({
  id: `id-${sequence}`,
  sequence,
  timestamp: new Date(START + sequence * 1000),
  eventType: sequence % 2 === 0 ? 'message' : 'connection',
  serviceId: 'order-service',
  details: { action: sequence % 2 === 0 ? 'message.sent' : 'auth.failed', success: sequence % 3 !== 0, ...details },
  ...more,
});

export const segmentsIn = (directory: string): string[] => readdirSync(directory).filter((name) => name.startsWith('audit-')).sort();
