import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from '@jest/globals';
import { silentLogger, type AdapterContext, type LogFields, type Logger, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { queryLog, SigningKey } from '@lemur-bookstores/mesh-log';
import { adapterContext } from '../../../mesh-log/test/support/adapter-context.js';
import { ComplianceAdapter } from '../../src/compliance-adapter.js';
import type { ComplianceAdapterOptions } from '../../src/compliance-adapter-options.js';

const made: string[] = [];
const adapters: ComplianceAdapter[] = [];
afterEach(async () => {
  for (const adapter of adapters.splice(0)) await adapter.close();
});
afterAll(() => made.splice(0).forEach((path) => rmSync(path, { recursive: true, force: true })));

/** A folder that is gone after the tests. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'adapter-compliance-'));
  made.push(path);
  return path;
}

/** The same each time, so that signatures are: for tests alone. PKCS#8 around a seed of sevens. */
export const key = SigningKey.fromPem(
  `-----BEGIN PRIVATE KEY-----\n${Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]).toString('base64')}\n-----END PRIVATE KEY-----\n`,
);
export const publicKey = key.publicKey.toString('base64');

export const PCI: ComplianceAdapterOptions = { standard: 'PCI-DSS', requirement: '3.6.4' };

/** Says nothing; closed after the test. */
export function complianceAdapter(directory: string | undefined, options: Partial<ComplianceAdapterOptions> = {}): ComplianceAdapter {
  const adapter = new ComplianceAdapter({ ...PCI, directory, signWith: key, logger: silentLogger, ...options });
  adapters.push(adapter);
  return adapter;
}

/** What a mesh gives; what is emitted goes into `emitted`. */
export const contextOf = (more: Partial<AdapterContext> = {}): ReturnType<typeof adapterContext> => adapterContext(temporaryDirectory(), more);

/** The entries of all ledgers in a folder, the ledgers' own ones too. */
export async function entriesIn(directory: string): Promise<MeshAuditEvent[]> {
  const entries: MeshAuditEvent[] = [];
  for await (const { event } of queryLog(directory)) entries.push({ ...event, timestamp: new Date(String(event['timestamp'])) } as unknown as MeshAuditEvent);
  return entries;
}

export const actionsIn = async (directory: string): Promise<string[]> => (await entriesIn(directory)).map(({ details }) => details.action);

/** As a process that is killed leaves it: without the socket of the living writer. */
export function copyOf(directory: string): string {
  const copy = join(temporaryDirectory(), 'copy');
  cpSync(directory, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  return copy;
}

/** What an operational log was told, `level: message`. */
export function collectingLogger(): Logger & { readonly said: string[] } {
  const said: string[] = [];
  const add = (level: string) => (message: string, fields?: LogFields) => void said.push(`${level}: ${message} ${JSON.stringify(fields ?? {})}`);
  return { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error'), said };
}

/** Waits for what comes by itself. */
export async function until(what: string, happened: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await happened())) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
