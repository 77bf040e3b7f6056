import type { KeysRotated, MeshError, RekeyTrigger, SpentReason } from '@lemur-bookstores/mesh-interface';

/**
 * `opening`: the dialler waits for the acceptor's welcome. `draining`: a GOAWAY was sent or received; what is in flight ends.
 * `closing`: our CLOSE is written. `closed`: nothing is left.
 */
export type SessionState = 'opening' | 'open' | 'draining' | 'closing' | 'closed';

/**
 * Why a session that worked was ended: it reached its absolute age, or the end of one of the certificates; keys or certificates
 * changed or could not be changed, the keys may be known to others; or the peer's chain no longer verifies.
 */
export type RetirementCause = 'session_timeout' | 'certificate_end' | 'key_rotation' | 'trust_changed' | 'compromise' | 'not_trusted';

/** How a session ended. */
export type SessionEnd =
  /** With an authenticated CLOSE of either side. */
  | { readonly type: 'closed'; readonly by: 'us' | 'peer' }
  /** The connection ended without one: somebody may have cut it (PROTOCOL 1.5). */
  | { readonly type: 'truncated'; readonly error: MeshError }
  /** We ended it because of what the peer did or failed to do. */
  | { readonly type: 'failed'; readonly error: MeshError };

/** What a session hands on: the call path of its role. */
export interface SessionDelegate {
  /** `request` and `cancel` at the acceptor, `response` and `error` at the dialler; nothing else gets here. */
  onMessage(kind: number, flags: number, id: number, buffer: Buffer, start: number, end: number): void;
  /** A message whose announced size is over our cap was thrown away; `kind` and `id` are from its header. */
  onTooLarge(kind: number, id: number, bytes: number): void;
  /** The peer is ready for requests (dialler only). */
  onReady(): void;
  /** Something came after {@link Session.verify}: the connection works. @param silentMs from then to now */
  onVerified(silentMs: number): void;
  /** A slow reader has caught up. */
  onWritten(): void;
  /** The peer takes up no request after `lastProcessedId`. */
  onGoAway(lastProcessedId: number): void;
  /** Both ends have new keys. */
  onRotated(rotation: KeysRotated): void;
  /** The keys will not be replaced any more: this session has to be (PROTOCOL 3.6, 3.8). */
  onSpent(why: SpentReason, trigger: RekeyTrigger): void;
  /** @param unwritten ids of requests that still waited whole: they have provably not run */
  onEnd(end: SessionEnd, unwritten: ReadonlySet<number>): void;
}
