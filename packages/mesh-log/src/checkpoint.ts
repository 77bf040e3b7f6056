import { MeshError } from '@lemur-bookstores/mesh-interface';
import { HASH_BYTES } from './leaf.js';
import { parseNote, signNote, strictBase64, type NoteSigner } from './signed-note.js';

/** What a checkpoint says: this log had this root when it had this many records (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** Which log: also the name of the key that signs. */
  readonly origin: string;
  /** Records covered: those from 0 to size - 1. */
  readonly size: number;
  /** Merkle root over them, 32 bytes. */
  readonly root: Buffer;
}

/** A checkpoint with the signed note it stands in. */
export interface SignedCheckpoint extends Checkpoint {
  /** The whole note: text, empty line, signatures. To be kept elsewhere as it is. */
  readonly note: string;
}

/** The text that is signed: origin, size and root, a line each. */
export const formatCheckpoint = ({ origin, size, root }: Checkpoint): string => `${origin}\n${size}\n${root.toString('base64')}\n`;

/** Reads the text of a note; extension lines of others are passed over. @throws MeshError `note_invalid` */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, digits, encoded, ...more] = text.split('\n');
  const root = strictBase64(encoded ?? '');
  const size = /^(0|[1-9][0-9]{0,15})$/.test(digits ?? '') ? Number(digits) : Number.NaN;
  const whole = more.at(-1) === '' && more.slice(0, -1).every((line) => line !== '');
  if (origin === undefined || origin === '' || !Number.isSafeInteger(size) || root?.length !== HASH_BYTES || !whole) {
    throw new MeshError('note_invalid', 'it is no checkpoint: origin, size and base64 root, a line each');
  }
  return { origin, size, root };
}

/** Signs a checkpoint; the origin is the key's name. */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): SignedCheckpoint {
  return { ...checkpoint, note: signNote(formatCheckpoint(checkpoint), checkpoint.origin, signers) };
}

/** Reads a checkpoint from its note without verifying signatures. @throws MeshError `note_invalid` */
export function readCheckpoint(note: string | Uint8Array): SignedCheckpoint {
  const { text } = parseNote(note);
  return { ...parseCheckpoint(text), note: typeof note === 'string' ? note : Buffer.from(note).toString() };
}
