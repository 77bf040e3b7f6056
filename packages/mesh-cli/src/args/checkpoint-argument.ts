import { createReadStream } from 'node:fs';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { readCheckpoint } from '@lemur-bookstores/mesh-log';
import { textLines } from './text-lines.js';

/** What begins the signature lines of a note. */
const SIGNATURE = '— ';
/** A note takes some 300. */
const MAX_NOTE_LENGTH = 64 * 1024;

/** A note, and on which line it begins. */
interface FoundNote {
  readonly note: string;
  readonly line: number;
}

/**
 * The signed notes that `--checkpoint` names: a file, or `-` for stdin. It holds notes one after the other, or JSON Lines: audit events as
 * another adapter of the mesh received them (`audit.checkpoint`, the note in `details.metadata.note`) among any others.
 * @throws MeshError `invalid_option` where it holds none or a damaged one: who means to check against a checkpoint must not check against
 * nothing; Node's error where it cannot be read
 */
export async function readCheckpointArgument(argument: string, stdin: AsyncIterable<string | Uint8Array>): Promise<string[]> {
  const name = argument === '-' ? 'stdin' : `'${argument}'`;
  const notes = new Set<string>();
  for await (const { note, line } of notesOf(textLines(argument === '-' ? stdin : createReadStream(argument)))) {
    try {
      readCheckpoint(note);
    } catch (cause) {
      throw new MeshError('invalid_option', `--checkpoint: line ${line} of ${name} begins no signed checkpoint: ${MeshError.from(cause).text}`, { cause });
    }
    notes.add(note);
  }
  if (notes.size === 0) throw new MeshError('invalid_option', `--checkpoint: there is no checkpoint in ${name}`);
  return [...notes];
}

/** What it holds shows with the first signature, or the first line of JSON: whatever else stands before that one is other programs' output. */
async function* notesOf(lines: AsyncIterable<string>): AsyncGenerator<FoundNote, void, undefined> {
  let holds: 'notes' | 'events' | undefined;
  let number = 0;
  let note: { text: string; readonly line: number; signed: boolean } | undefined;
  for await (const line of lines) {
    number += 1;
    if (holds === undefined && line.startsWith('{')) [holds, note] = ['events', undefined];
    if (holds === 'events') {
      const found = noteInEvent(line);
      if (found !== undefined) yield { note: found, line: number };
      continue;
    }
    if (note !== undefined && ((note.signed && !line.startsWith(SIGNATURE)) || note.text.length > MAX_NOTE_LENGTH)) {
      yield { note: note.text, line: note.line };
      note = undefined;
    }
    if (note === undefined && line === '') continue;
    note ??= { text: '', line: number, signed: false };
    note.text += `${line}\n`;
    note.signed = line.startsWith(SIGNATURE);
    if (note.signed) holds = 'notes';
  }
  if (note !== undefined) yield { note: note.text, line: note.line };
}

/** Lines that are no JSON are passed over: other programs' output, a line that was cut off. */
function noteInEvent(line: string): string | undefined {
  let details: { readonly action?: unknown; readonly metadata?: { readonly note?: unknown } } | undefined;
  try {
    details = (JSON.parse(line) as { details?: typeof details } | null)?.details;
  } catch {
    return undefined;
  }
  if (details?.action !== 'audit.checkpoint') return undefined;
  const note = details.metadata?.note;
  // An empty text is no note: the caller says so, with the line.
  return typeof note === 'string' ? note : '';
}
