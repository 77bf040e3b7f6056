import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { formatCheckpoint, parseCheckpoint, readCheckpoint, signCheckpoint } from '../src/checkpoint.js';
import { NoteVerifier, openNote, parseNote, signNote } from '../src/signed-note.js';
import { SigningKey } from '../src/signing-key.js';

type NoteVector = { name: string; vkeys: string[]; note: string; result: 'valid' | 'invalid'; verified?: number; unverified?: number };
const { tests } = JSON.parse(readFileSync(new URL('vectors/signed-note.json', import.meta.url), 'utf8')) as { tests: NoteVector[] };
const root = Buffer.alloc(32, 9);

describe('notes of C2SP and golang/mod', () => {
  test('the vectors are all there', () => expect(tests).toHaveLength(12));

  test.each(tests)('$name', ({ vkeys, note, result, verified, unverified }) => {
    const open = (): ReturnType<typeof openNote> => openNote(note, vkeys.map((key) => NoteVerifier.parse(key)));
    if (result === 'invalid') {
      expect(open).toThrow(/^note_invalid/);
      return;
    }
    const { signers, signatures } = open();
    expect([signers.length, signatures.length - signers.length]).toEqual([verified, unverified]);
  });

  test.each(tests.flatMap(({ vkeys }) => vkeys))('verifier key %s is written as it was read', (key) => {
    expect(String(NoteVerifier.parse(key))).toBe(key);
  });
});

describe('own notes', () => {
  const [one, two] = [SigningKey.generate(), SigningKey.generate()];
  const note = signNote('text\n', 'a.example/log', [one, two]);
  const verifiers = [one, two].map((key) => NoteVerifier.parse(key.verifierKey('a.example/log')));

  test('are verified by each of their keys', () => {
    expect(openNote(note, verifiers).signers).toEqual(verifiers);
    expect(openNote(Buffer.from(note), verifiers.slice(1)).signers).toEqual(verifiers.slice(1));
    expect(parseNote(note).text).toBe('text\n');
  });

  test('any change of the text or the name is refused', () => {
    expect(() => openNote(note.replace('text', 'test'), verifiers)).toThrow(/^note_invalid: the signature/);
    expect(() => openNote(note.replaceAll('a.example', 'b.example'), verifiers)).toThrow(/^note_invalid: none of the known keys/);
  });

  test.each([
    ['no signatures', 'text\n'],
    ['no empty line', 'text\n— a AAAA\n'],
    ['no last newline', note.slice(0, -1)],
    ['a control character', note.replace('text', 'te\tt')],
    ['half a surrogate pair', note.replace('text', 'te\ud800t')],
    ['base64 that is not canonical', note.replace(/=\n$/, '\n')],
    ['a signature without a signature', 'text\n\n— a AAAAAA==\n'],
    ['more than 100 signatures', `text\n\n${'— a AAAAAAAA\n'.repeat(101)}`],
  ])('%s is refused', (_what, bad) => expect(() => openNote(bad, verifiers)).toThrow(/^note_invalid/));

  test('bytes that are not UTF-8 are refused', () => expect(() => parseNote(Buffer.from([0xff, 0x0a, 0x0a, 0x0a]))).toThrow(/^note_invalid/));

  test.each(['', 'name', 'name+00000000+AAAA', verifiers[0]?.toString().replace(/\+[0-9a-f]{8}\+/, '+00000000+') ?? '', 'na me+00000000+AA=='])('verifier key %p is refused', (key) => {
    expect(() => NoteVerifier.parse(key)).toThrow(/^invalid_option/);
  });
});

describe('checkpoints', () => {
  const key = SigningKey.generate();

  test('are what they were signed as', () => {
    const signed = signCheckpoint({ origin: 'a.example/log', size: 12, root }, [key]);
    expect(signed.note.split('\n').slice(0, 4)).toEqual(['a.example/log', '12', root.toString('base64'), '']);
    expect(readCheckpoint(signed.note)).toEqual(signed);
    expect(readCheckpoint(Buffer.from(signed.note))).toEqual(signed);
  });

  test('extension lines of others are passed over', () => {
    expect(parseCheckpoint(`${formatCheckpoint({ origin: 'o', size: 0, root })}more\n`)).toEqual({ origin: 'o', size: 0, root });
  });

  test.each([`o\n012\n${root.toString('base64')}\n`, `o\n-1\n${root.toString('base64')}\n`, 'o\n1\nAAAA\n', 'o\n1\n', `\n1\n${root.toString('base64')}\n`, `o\n99999999999999999\n${root.toString('base64')}\n`, `o\n1\n${root.toString('base64')}`, `o\n1\n${root.toString('base64')}\n\n`])(
    '%j is refused',
    (text) => expect(() => parseCheckpoint(text)).toThrow(/^note_invalid/),
  );
});

describe('signing key', () => {
  const key = SigningKey.generate();
  const secret = (key.toPem().match(/\n(\S+)\n/) as RegExpMatchArray)[1] as string;

  test('is read from what it writes', () => {
    expect(SigningKey.fromPem(key.toPem()).publicKey).toEqual(key.publicKey);
  });

  test.each([
    ['inspect', inspect(key, { depth: 9, showHidden: true })],
    ['JSON', JSON.stringify({ key })],
    ['string', `${key}`],
  ])('shows nothing of itself in %s', (_how, text) => {
    expect(text).toContain('[redacted]');
    expect(text).not.toContain(secret.slice(10, 30));
  });

  test('of another kind is refused', () => {
    expect(() => SigningKey.fromPem('no key')).toThrow(/^invalid_key/);
  });
});
