import type { RetiredKey } from '@lemur-bookstores/mesh-interface';
import type { KeyEvent } from './key-event.js';

/** A key on its way through a ledger. Times in ms since 1970. */
export interface TrackedKey extends Pick<KeyEvent, 'service' | 'keyType' | 'keyId' | 'algorithm' | 'policy' | 'peerId' | 'previousKeyId' | 'createdAt' | 'sessionsRekeyed'> {
  readonly activatedAt: number;
  /** Absent where the ledger did not see it. */
  readonly activatedBy?: string;
  /** Of the event that told of it. */
  readonly sequence: number;
  failedChanges: number;
  overdueSince: number | undefined;
  overdueMs: number | undefined;
}

/** How a key stands at the end of what is read. */
export type KeyEnd =
  | { readonly kind: 'in use' }
  | { readonly kind: 'retired'; readonly at: number; readonly by: string; readonly retired: RetiredKey | undefined }
  | { readonly kind: 'end not seen'; readonly lastSeen: number };

/** A key that an event brings into use. */
export function trackedKey({ service, keyType, keyId, algorithm, policy, peerId, previousKeyId, createdAt, sessionsRekeyed, at, trigger, sequence }: KeyEvent): TrackedKey {
  return {
    service, keyType, keyId, algorithm, policy, sequence,
    activatedAt: at,
    activatedBy: trigger,
    ...(peerId !== undefined && { peerId }),
    ...(previousKeyId !== undefined && { previousKeyId }),
    ...(createdAt !== undefined && { createdAt }),
    ...(sessionsRekeyed !== undefined && { sessionsRekeyed }),
    failedChanges: 0,
    overdueSince: undefined,
    overdueMs: undefined,
  };
}

/** A key of which the ledger sees something for the first time when it has been in use for a while. */
export function keyFromBefore({ service, keyType, algorithm, policy, peerId, at, sequence }: KeyEvent, keyId: string, activatedAt = at): TrackedKey {
  return {
    service, keyType, keyId, algorithm, policy, sequence, activatedAt,
    ...(peerId !== undefined && { peerId }),
    failedChanges: 0,
    overdueSince: undefined,
    overdueMs: undefined,
  };
}
