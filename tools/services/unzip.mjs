// Unpacks a zip file with nothing but Node: neither unzip nor a JDK's jar is on every machine.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';

/** "End of central directory", APPNOTE.TXT 4.3.16; it is followed by a comment of at most 65,535 bytes. */
const END = 0x06054b50;
const ENTRY = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;

/** @param {string} zip its path @param {string} folder where to; files that Unix marks as executable are so there too */
export function unzip(zip, folder) {
  const bytes = readFileSync(zip);
  let end = bytes.length - 22;
  while (end >= 0 && bytes.readUInt32LE(end) !== END) end--;
  if (end < 0) throw new Error(`${zip} is not a zip file, or not the whole of one`);
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    if (bytes.readUInt32LE(at) !== ENTRY) throw new Error(`${zip}: no entry at byte ${at}`);
    const method = bytes.readUInt16LE(at + 10);
    const packed = bytes.readUInt32LE(at + 20);
    const nameLength = bytes.readUInt16LE(at + 28);
    const mode = bytes.readUInt32LE(at + 38) >>> 16;
    const header = bytes.readUInt32LE(at + 42);
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    if (name.startsWith('/') || name.split(/[\\/]/).includes('..')) throw new Error(`${zip}: '${name}' is outside of the folder`);
    if (name.endsWith('/')) {
      mkdirSync(join(folder, name), { recursive: true });
      continue;
    }
    if (method !== STORED && method !== DEFLATED) throw new Error(`${zip}: '${name}' is packed with method ${method}`);
    // The lengths of the local header are its own.
    const start = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
    const content = bytes.subarray(start, start + packed);
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), method === DEFLATED ? inflateRawSync(content) : content, { mode: (mode & 0o111) === 0 ? 0o644 : 0o755 });
  }
}
