import { createHash } from 'node:crypto';

/** SHA-256 in hex. */
export const sha256Hex = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What a report says, whatever form it is shown in: the hash over its canonical JSON. */
export const contentHash = (report: unknown): string => sha256Hex(canonicalJson(report));

/** JSON with sorted names and no blanks (RFC 8785, of which texts, whole numbers, booleans, lists and objects are needed). */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}
