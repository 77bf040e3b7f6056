import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { ProbedMesh } from '../probe-source.js';
import type { RecentEventsQuery } from './recent-events.js';

/** Metrics as text, of whoever has a registry of them. */
export interface MetricsText {
  /** Of the text, e.g. `text/plain; version=0.0.4; charset=utf-8`. */
  readonly contentType: string;
  text(): Promise<string>;
}

/** What the admin endpoint asks of a mesh. */
export interface AdminSource extends ProbedMesh {
  /** All that `/stats` tells: plain JSON. */
  stats(): unknown;
  /** The newest audit events, oldest first. */
  recentEvents(query: RecentEventsQuery): readonly MeshAuditEvent[];
  /** `undefined`: there is nobody who makes a text of metrics. */
  metricsText(): MetricsText | undefined;
  /** @throws MeshError as `SecureMesh.rotateKeys()` */
  rotateKeys(options: { readonly reason: AdminRotationReason }): Promise<unknown>;
}

/** Why an operator has the keys rotated. */
export type AdminRotationReason = 'manual' | 'compromise';
