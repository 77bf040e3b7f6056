import { join } from 'node:path';
import { silentLogger, systemClock, type AdapterContext, type AuditEventInput } from '@lemur-bookstores/mesh-interface';

/** What a mesh gives to an adapter; what is emitted goes into `emitted`. @param base for its paths */
export function adapterContext(base: string, more: Partial<AdapterContext> = {}): AdapterContext & { readonly emitted: AuditEventInput[] } {
  const emitted: AuditEventInput[] = [];
  return {
    serviceId: 'order-service',
    logger: silentLogger,
    clock: systemClock,
    paths: { keysDir: join(base, 'keys'), logsDir: join(base, 'logs'), runtimeDir: join(base, 'run') },
    metrics: () => {
      throw new Error('not asked for');
    },
    emit: (event) => void emitted.push(event),
    emitted,
    ...more,
  };
}
