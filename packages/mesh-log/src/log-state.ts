import type { MeshError } from '@lemur-bookstores/mesh-interface';

/** `failing`: the disk takes nothing, and the log goes on trying. `stopped`: somebody else changed the log; for good. */
export type LogState =
  | { readonly kind: 'open' }
  | { readonly kind: 'failing'; /** ms since 1970. */ readonly since: number; readonly error: MeshError }
  | { readonly kind: 'stopped'; readonly error: MeshError }
  | { readonly kind: 'closed' };
