import { readCheckpoint, type SignedCheckpoint } from './checkpoint.js';
import { NoteVerifier, openNote, strictBase64 } from './signed-note.js';

/** What a log is checked under. */
export interface TrustOptions {
  /** Keys that are known to be the writer's: verifier keys (`origin+id+key`), or raw Ed25519 public keys in base64, for logs of any origin. */
  readonly publicKey?: string | readonly string[];
  /** Checkpoints (whole signed notes) that were kept where the log's owner could not change them. */
  readonly checkpoint?: string | readonly string[];
}

/** Whom and what the verification of one log may believe. Grows by keys that a trusted one vouched for. */
export class Trust {
  /** Checkpoints kept of this log, smallest first. */
  readonly kept: readonly SignedCheckpoint[];
  readonly #origin: string;
  readonly #keys: Buffer[];

  constructor(keys: readonly Buffer[], notes: readonly string[], origin: string) {
    this.#keys = [...keys];
    this.#origin = origin;
    const own = notes.map((note) => readCheckpoint(note)).filter((checkpoint) => checkpoint.origin === origin);
    this.kept = own.sort((one, other) => one.size - other.size);
  }

  /** A kept checkpoint that none of the trusted keys signed. For the end: a key that signed it may have been vouched for by then. */
  get strange(): SignedCheckpoint | undefined {
    const verifiers = this.#keys.filter((key) => key.length > 0).map((key) => new NoteVerifier(this.#origin, key));
    return this.hasKeys ? this.kept.find(({ note }) => !isSigned(note, verifiers)) : undefined;
  }

  get hasKeys(): boolean {
    return this.#keys.length > 0;
  }

  /** Whether one of them is trusted. The others signed the same checkpoint, and the log's own record names them: they are from now on. */
  vouched(signers: readonly NoteVerifier[]): boolean {
    const knows = ({ publicKey }: NoteVerifier): boolean => this.#keys.some((key) => key.equals(publicKey));
    if (!signers.some(knows)) return false;
    this.#keys.push(...signers.filter((signer) => !knows(signer)).map(({ publicKey }) => publicKey));
    return true;
  }
}

/** Options in their one form. @throws MeshError `invalid_option` for a key that is none */
export function resolveTrust({ publicKey = [], checkpoint = [] }: TrustOptions): { readonly trustFor: (origin: string) => Trust; readonly origins: readonly string[] } {
  const keys = [publicKey].flat().map((text) => {
    const raw = strictBase64(text);
    if (raw?.length === 32) return { key: raw };
    const { name, publicKey: key } = NoteVerifier.parse(text);
    return { name, key };
  });
  const notes = [checkpoint].flat();
  const origins = notes.map((note) => readCheckpoint(note).origin);
  return {
    origins,
    trustFor: (origin) => {
      const own = keys.filter(({ name }) => name === undefined || name === origin).map(({ key }) => key);
      // Keys for other logs only: this one is under none of them, which must not look like a verification without keys.
      return new Trust(own.length === 0 && keys.length > 0 ? [Buffer.alloc(0)] : own, notes, origin);
    },
  };
}

function isSigned(note: string, verifiers: readonly NoteVerifier[]): boolean {
  try {
    return openNote(note, verifiers).signers.length > 0;
  } catch {
    return false;
  }
}
