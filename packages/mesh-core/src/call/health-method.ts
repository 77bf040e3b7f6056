import { MeshError, type HealthStatus } from '@lemur-bookstores/mesh-interface';
import type { AnyHandler } from './handlers.js';
import type { HealthReply } from './mesh-client.js';

/** What the method `health` asks of whoever knows. */
export interface HealthSource {
  /** Of the whole service. Default: healthy. */
  readonly health?: (() => HealthStatus) | undefined;
  /** Of a part of it, by name; `undefined`: there is none of that name. Default: there are no parts. */
  readonly healthOf?: ((part: string) => HealthStatus | undefined) | undefined;
}

/**
 * The method `health`, as gRPC's health checking has it: the input's `service` names a part, `''` or the service's own id the whole of it. Other members are
 * left alone, and any other input asks for the whole.
 */
export function healthMethod(serviceId: string, { health, healthOf }: HealthSource): AnyHandler {
  return (input): HealthReply => {
    const part = partOf(input);
    if (part === '' || part === serviceId) return { service: serviceId, status: health?.() ?? 'healthy' };
    const status = healthOf?.(part);
    // Not by name: it came from a peer.
    if (status === undefined) throw new MeshError('unknown_part', `${serviceId} has no health check of that name`);
    return { service: serviceId, part, status };
  };
}

/** Untrusted. */
function partOf(input: unknown): string {
  const part: unknown = typeof input === 'object' && input !== null && Object.hasOwn(input, 'service') ? (input as { readonly service: unknown }).service : '';
  if (typeof part !== 'string') throw new MeshError('body_invalid', 'the input of health is { service? }, a text');
  return part;
}
