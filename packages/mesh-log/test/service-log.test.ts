import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { silentLogger, systemClock, type AdapterContext, type AuditEventInput, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { nodeFileSystem, type LogFile } from '../src/file-system.js';
import { queryLog } from '../src/query.js';
import { ServiceLog } from '../src/service-log.js';
import type { ServiceLogSettings } from '../src/service-log-settings.js';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { auditEvent, key, temporaryDirectory } from './support/logs.js';

const named = (action: string) => (serviceId: string): MeshAuditEvent[] => [auditEvent({ serviceId, details: { action, success: true } })];

function serviceLog(directory: ServiceLogSettings['directory'], more: Partial<ServiceLogSettings> = {}): ServiceLog {
  return new ServiceLog({
    noun: 'test log', originPrefix: 'test', directory, rotation: 'daily', timezone: 'utc', retention: 365, compress: false, sync: 'group', signWith: key, logger: silentLogger, ...more,
  });
}

function contextIn(base: string): AdapterContext & { readonly emitted: AuditEventInput[] } {
  const emitted: AuditEventInput[] = [];
  return {
    serviceId: 'order-service', logger: silentLogger, clock: systemClock, paths: { keysDir: join(base, 'keys'), logsDir: join(base, 'logs'), runtimeDir: join(base, 'run') },
    metrics: () => { throw new Error('not asked for'); }, emit: (event) => void emitted.push(event), emitted,
  };
}

async function actionsIn(directory: string): Promise<string[]> {
  const actions: string[] = [];
  for await (const { event } of queryLog(directory)) actions.push((event['details'] as { action: string }).action);
  return actions;
}

describe('the log of a service', () => {
  test('begins each time with what it is told first, and ends with what it is told last', async () => {
    const directory = temporaryDirectory();
    for (let run = 0; run < 2; run++) {
      const log = serviceLog(directory, { opening: named('begun'), closing: named('ended') });
      await log.append([auditEvent()]);
      expect(log.origin).toMatch(/^test\/order-service\/[0-9a-f]{16}$/);
      await log.close();
    }
    expect(await actionsIn(directory)).toEqual(['begun', 'auth.failed', 'ended', 'begun', 'auth.failed', 'ended']);
    expect(await verifyAuditLog(directory, { publicKey: key.publicKey.toString('base64') })).toMatchObject({ status: 'authentic', logs: [{ clean: true, notAuthenticated: [] }] });
  });

  test('is where the mesh says, and signed by its keys', async () => {
    const base = temporaryDirectory();
    const log = serviceLog((context) => join(context?.paths.logsDir ?? base, 'evidence'), { signWith: undefined });
    expect([log.directory, log.keys, log.publicKey]).toEqual([undefined, undefined, undefined]);
    const context = contextIn(base);
    await log.start(context);
    expect(log.directory).toBe(join(base, 'logs', 'evidence', 'order-service'));
    expect(log.keys?.key.verifierKey(log.origin as string)).toBe(log.publicKey);
    expect(context.emitted).toMatchObject([{ details: { action: 'audit.checkpoint', metadata: { origin: log.origin } } }]);
    await log.close();
  });

  test('that cannot take its first words is not open: the next event tries again', async () => {
    const directory = temporaryDirectory();
    let disk: 'works' | 'fails at its words' | 'fails' = 'fails at its words';
    const failing = (file: LogFile): LogFile => ({
      write: (bytes, position) => {
        if (disk === 'fails at its words' && Buffer.from(bytes).includes('begun')) disk = 'fails';
        return disk === 'fails' ? Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })) : file.write(bytes, position);
      },
      read: (into, position) => file.read(into, position), status: () => file.status(), truncate: (size) => file.truncate(size), syncData: () => file.syncData(), sync: () => file.sync(),
      close: () => file.close(),
    });
    const fast = { ...systemClock, monotonic: () => systemClock.monotonic() * 50, setTimeout: (callback: () => void, delayMs: number) => systemClock.setTimeout(callback, delayMs / 50) };
    const log = serviceLog(directory, {
      clock: fast, opening: named('begun'),
      fileSystem: { ...nodeFileSystem, create: async (path) => failing(await nodeFileSystem.create(path)), open: async (path, access) => failing(await nodeFileSystem.open(path, access)) },
    });
    await expect(log.append([auditEvent()])).rejects.toMatchObject({ reason: 'log_write_failed', retryable: true });
    expect(log.directory).toBeUndefined();
    disk = 'works';
    await expect(log.append([auditEvent()])).rejects.toMatchObject({ retryable: true, retryAfterMs: expect.any(Number) });
    await new Promise<void>((resolve) => fast.setTimeout(resolve, 1000));
    await log.append([auditEvent()]);
    await log.close();
    expect(await actionsIn(directory)).toEqual(['begun', 'auth.failed']);
  });
});
