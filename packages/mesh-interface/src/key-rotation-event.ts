/** What a key is for: the records of one session, the handshakes of one mesh (Noise static key), the own identity. */
export type KeyType = 'session' | 'static' | 'certificate';

/**
 * Why a key came into use: the first of its kind; its predecessor reached an age, a number of records or of bytes; somebody asked; a certificate or CA changed; a compromise; the peer
 * wanted it, for reasons of its own.
 */
export type KeyChangeTrigger = 'start' | 'interval' | 'records' | 'bytes' | 'manual' | 'certificate' | 'compromise' | 'peer';

/**
 * `details.action` of events of type `key_rotation`. `key.activated`: a key without predecessor. `key.rotated`: one took the place of another. `key.retired`: one ended
 * without successor. `key.rotation_failed`, `key.overdue` (`success: false`): a change failed, or did not come when it was due; the key stays in use.
 */
export type KeyAction = 'key.activated' | 'key.rotated' | 'key.retired' | 'key.rotation_failed' | 'key.overdue';

/** How long, and for how much, a key may be used. What is absent has no limit. Periods in ms. */
export type KeyPolicy = {
  /** Age at which it is changed. */
  readonly intervalMs?: number;
  /** Age at which it protects nothing more. */
  readonly rejectAfterMs?: number;
  /** Records after which it is changed, each direction counted by itself. Four times as many are the end (PROTOCOL 3.10). */
  readonly maxRecords?: number;
  /** Bytes, the same way. */
  readonly maxBytes?: number;
  /** Who set it. `certificate`: its validity. */
  readonly source: 'default' | 'option' | 'certificate';
};

/** What became of a key that is no longer used. */
export type RetiredKey = {
  /** When it came into use, ISO 8601. */
  readonly activatedAt: string;
  /** By the monotonic clock. */
  readonly ageMs: number;
  /** That it protected, both directions together. */
  readonly records: number;
  /** Of plaintext, both directions together. */
  readonly bytes: number;
  /** Whether every copy that this process had is wiped. */
  readonly destroyed: boolean;
};

/**
 * `details.metadata` of events of type `key_rotation`. Ids are hashes of public parts. Names that end in `key` would be masked by redaction. A type, not an interface: only that is
 * assignable to the metadata of an event.
 */
export type KeyRotationMetadata = {
  readonly keyType: KeyType;
  /** With its size, where it has several: `AES-256-GCM`, `X25519`, `Ed25519`. */
  readonly algorithm: string;
  /** Of the key in use from here on; with `key.retired` of the one that ended. */
  readonly keyId: string;
  readonly previousKeyId?: string;
  readonly trigger: KeyChangeTrigger;
  /** When it was made, ISO 8601, where that was earlier than its first use: `notBefore` of a certificate. */
  readonly createdAt?: string;
  /** Sessions that have new keys because of this change. */
  readonly sessionsRekeyed?: number;
  /** The other end's SPIFFE id; session keys. */
  readonly peerId?: string;
  /** Of `previousKeyId`; with `key.retired` of `keyId`. */
  readonly retired?: RetiredKey;
  /** In force for `keyId`. */
  readonly policy: KeyPolicy;
  /** With `key.overdue`: for how long. */
  readonly overdueMs?: number;
};
