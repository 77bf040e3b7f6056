import type { MeshStats, MetricsSnapshot } from '@lemur-bookstores/mesh-interface';
import type { MeshNode } from '@lemur-bookstores/mesh-core';
import type { CryptoManager, OwnKeyJournal } from '@lemur-bookstores/mesh-crypto';
import type { EventLoopMeter } from './event-loop-meter.js';
import type { CompleteOptions } from './validate-options.js';

/** What is measured in all parts of a mesh, at this moment. */
export function meshMetrics({ clock, serviceId }: CompleteOptions, node: MeshNode, crypto: CryptoManager, ownKeys: OwnKeyJournal, loop: EventLoopMeter, stats: MeshStats): MetricsSnapshot {
  const { calls, sessions, bytes, handshakes, retries, rateLimited, overloaded, breakers, rekeys, rekeysByTrigger, rekeysFailed, oldestSessionKeyMs, authorizationDenied } = node.snapshot();
  const staticKey = ownKeys.staticKeyState();
  const keys = {
    ...(staticKey === undefined ? {} : { staticKey: { ageMs: staticKey.ageMs, ...(staticKey.intervalMs === undefined ? {} : { intervalMs: staticKey.intervalMs }), overdue: staticKey.overdue } }),
    oldestSessionKeyMs,
  };
  // Before and after its time a mesh has no certificate to speak of.
  const certificate = node.state === 'running' ? { certificate: { notAfter: crypto.notAfter } } : {};
  const late = loop.read();
  const eventLoop = late === undefined ? {} : { eventLoop: late };
  return { timestamp: clock.now(), serviceId, calls, sessions, bytes, handshakes, retries, rateLimited, overloaded, breakers, rekeys, rekeysByTrigger, rekeysFailed, keys, ...certificate, authorizationDenied, ...eventLoop, stats };
}
