import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from '@jest/globals';
import { MeshError, silentLogger, type AdapterContext, type FakeClock, type LogFields, type Logger, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { SigningKey } from '@lemur-bookstores/mesh-log';
import { adapterContext } from '../../../mesh-log/test/support/adapter-context.js';
import { FileAdapter } from '../../src/file-adapter.js';
import type { FileAdapterOptions } from '../../src/file-adapter-options.js';

export { failure, fileSystemWith } from '../../../mesh-log/test/support/file-system-with.js';
export { auditEvent as eventOf } from '../../../mesh-log/test/support/logs.js';

const made: string[] = [];
const adapters: FileAdapter[] = [];
afterEach(async () => {
  for (const adapter of adapters.splice(0)) await adapter.close().catch(() => undefined);
});
afterAll(() => made.splice(0).forEach((path) => rmSync(path, { recursive: true, force: true })));

/** A folder that is gone after the tests. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'adapter-file-'));
  made.push(path);
  return path;
}

export const key = SigningKey.generate();

/** Says nothing and does not compress unless told to; closed after the test. */
export function fileAdapter(directory: string, options: FileAdapterOptions = {}): FileAdapter {
  const adapter = new FileAdapter(directory, { signWith: key, logger: silentLogger, compress: false, ...options });
  adapters.push(adapter);
  return adapter;
}

/** What a mesh gives; what is emitted goes into `emitted`. */
export const contextOf = (more: Partial<AdapterContext> = {}): ReturnType<typeof adapterContext> => adapterContext(temporaryDirectory(), more);

export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export const segmentsIn = (directory: string | undefined): string[] => readdirSync(directory as string).filter((name) => name.startsWith('audit-')).sort();

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits for what comes by itself, while a clock that stands still is asked for what is due. */
export async function until(what: string, happened: () => boolean | Promise<boolean>, clock?: FakeClock): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await happened())) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await (clock === undefined ? turn() : clock.advance(0));
  }
}

/** What an operational log was told, `level: message`. */
export function collectingLogger(): Logger & { readonly said: string[] } {
  const said: string[] = [];
  const add = (level: string) => (message: string, fields?: LogFields) => void said.push(`${level}: ${message} ${JSON.stringify(fields ?? {})}`);
  return { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error'), said };
}

/** Moves the clock until it is done, one way or the other. */
export async function driven<T>(promise: Promise<T>, clock: FakeClock): Promise<T> {
  let done = false;
  const settled = (): void => void (done = true);
  promise.then(settled, settled);
  const deadline = performance.now() + 10_000;
  while (!done) {
    if (performance.now() > deadline) throw new Error('nothing moves any more');
    await clock.advance(250);
  }
  return promise;
}

/** Gives it again what it gave back, as a lane does. */
export async function delivered(adapter: FileAdapter, events: readonly MeshAuditEvent[], clock: FakeClock): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await driven(adapter.logEvents(events, { signal: new AbortController().signal }), clock);
    } catch (error) {
      if (attempt === 8 || !MeshError.is(error) || !error.retryable) throw error;
    }
  }
}
