import type { AuditQuery, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { queryLog, type FileSystem } from '@lemur-bookstores/mesh-log';

/** The events of all logs in a folder, as they were logged: each log in its own order, several joined by time. */
export async function* auditEvents(directory: string, query: AuditQuery, fileSystem: FileSystem | undefined): AsyncGenerator<MeshAuditEvent, void, undefined> {
  const given = Object.fromEntries(Object.entries({ ...query, fileSystem }).filter(([, value]) => value !== undefined));
  for await (const { event } of queryLog(directory, given)) {
    yield { ...event, timestamp: new Date(String(event['timestamp'])) } as unknown as MeshAuditEvent;
  }
}
