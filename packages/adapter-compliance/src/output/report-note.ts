import { MeshError } from '@lemur-bookstores/mesh-interface';
import { NoteVerifier, openNote, signNote, type NoteSigner } from '@lemur-bookstores/mesh-log';
import { sha256Hex } from './content-hash.js';

/** The name that a ledger's key signs reports under: none that a log can have beside it, so that no signature of the one passes for one of the other. */
const SIGNER = 'secure-stack-mesh/compliance-report';
/** The text's first line. A checkpoint's second line is a number, which none here is. */
const HEADING = 'secure-stack-mesh compliance report v1';

/** What the note is over. */
export const REPORT_PARTS = ['content', 'json', 'csv', 'html'] as const;

/** SHA-256 of each, in hex. */
export type ReportHashes = Readonly<Record<(typeof REPORT_PARTS)[number], string>>;

/** Signs content hash and files. */
export function signReportNote({ contentSha256, json, csv, html }: { readonly contentSha256: string; readonly json: string; readonly csv: string; readonly html: string }, key: NoteSigner): string {
  const hashes: ReportHashes = { content: contentSha256, json: sha256Hex(json), csv: sha256Hex(csv), html: sha256Hex(html) };
  return signNote(`${[HEADING, ...REPORT_PARTS.map((part) => `${part} sha256 ${hashes[part]}`)].join('\n')}\n`, SIGNER, [key]);
}

/**
 * Opens a note under keys that are the ledger's: verifier keys of whatever log they sign, or raw ones in base64.
 * @throws MeshError `note_invalid` where none of them signed it or it is no note of a report, `invalid_option` for a key that is none
 */
export function openReportNote(note: string | Uint8Array, publicKeys: readonly string[]): ReportHashes {
  const { text } = openNote(note, publicKeys.map((key) => new NoteVerifier(SIGNER, rawKey(key))));
  return hashesOf(text);
}

function hashesOf(text: string): ReportHashes {
  const [heading, ...lines] = text.split('\n');
  const found = REPORT_PARTS.map((part, index) => [part, new RegExp(`^${part} sha256 ([0-9a-f]{64})$`).exec(lines[index] ?? '')?.[1]] as const);
  if (heading !== HEADING || lines.length !== REPORT_PARTS.length + 1 || found.some(([, hash]) => hash === undefined)) throw new MeshError('note_invalid', 'it is no signed note of a report');
  return Object.fromEntries(found) as unknown as ReportHashes;
}

function rawKey(text: string): Uint8Array {
  const raw = Buffer.from(text, 'base64');
  return raw.length === 32 && raw.toString('base64') === text ? raw : NoteVerifier.parse(text).publicKey;
}
