import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { SigningKey } from '@lemur-bookstores/mesh-log';
import { event, key, openLog, ORIGIN, publicKey, segmentsIn, temporaryDirectory } from './support/logs.js';
import { RAW_CONTROLS, run } from './support/run.js';

const WRITER = fileURLToPath(new URL('support/killed-writer.mjs', import.meta.url));
const RAW_KEY = key.publicKey.toString('base64');

/** `logs/order-service`: 60 events in three segments, the first two compressed, closed. `kept`: two checkpoints of it. */
const parent = join(temporaryDirectory(), 'logs');
const directory = join(parent, 'order-service');
const kept: string[] = [];

beforeAll(async () => {
  const log = await openLog(directory, { compress: true });
  for (let sequence = 0; sequence < 60; sequence++) {
    await log.append([event(sequence)]);
    if (sequence % 20 === 10) kept.push((await log.checkpoint()).note);
    if (sequence !== 19 && sequence !== 39) continue;
    await log.rotate();
    while (segmentsIn(directory).filter((name) => name.endsWith('.jsonl')).length > 1) await new Promise((resolve) => setImmediate(resolve));
  }
  kept.push((await log.checkpoint()).note);
  await log.close();
});

/** A copy of the log that may be changed; gives its parent. */
function copy(change: (log: string) => void): string {
  const folder = temporaryDirectory();
  const log = join(folder, 'order-service');
  cpSync(directory, log, { recursive: true });
  change(log);
  return folder;
}

function file(text: string): string {
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, text);
  return path;
}

const verify = (...args: string[]): ReturnType<typeof run> => run(['audit', 'verify', ...args]);

describe('a log that is what was written', () => {
  test.each<[string, () => string]>([
    ['a verifier key', () => publicKey],
    ['a raw key', () => RAW_KEY],
    ['a file with a verifier key', () => file(`# of the order service\n\n${publicKey}\n`)],
    ['a file with several keys', () => file(`${SigningKey.generate().publicKey.toString('base64')}\r\n${RAW_KEY}\r\n`)],
  ])('is authentic under %s, as a folder of logs and alone', async (_what, keyOf) => {
    for (const folder of [parent, directory]) {
      const { code, lines, err } = await verify(folder, '--key', keyOf());
      expect([code, err, lines[0]]).toEqual([0, '', `${directory}: AUTHENTIC`]);
    }
  });

  test('the report says what there is, and what cannot be shown', async () => {
    const { lines } = await verify(parent, '--key', RAW_KEY);
    expect(lines).toEqual([
      `${directory}: AUTHENTIC`,
      `  origin              ${ORIGIN}`,
      expect.stringMatching(/^ {2}records {13}\d+$/),
      expect.stringMatching(/^ {2}checkpoints {9}\d+$/),
      '  end                 closed',
      '',
      '1 log, under 1 key: AUTHENTIC',
      expect.stringContaining('Not shown: '),
    ]);
    expect(lines.at(-1)).toContain('docs/audit.md');
  });

  test.each<[string, () => string]>([
    ['notes one after the other', () => kept.join('')],
    ['notes with lines between, as Windows writes them', () => `\n${kept.join('\n\n')}`.replaceAll('\n', '\r\n')],
    ['JSON Lines of another adapter', () => eventLines(kept)],
    ['JSON Lines behind what a program said first', () => `Server started\n\nlistening on 8080\n${eventLines(kept)}`],
    ['JSON Lines among others, the last cut off', () => `${JSON.stringify(event(1))}\nServer started\n${eventLines(kept)}{"id":"id-7","details":{"action":"audit.ch`],
  ])('is authentic under kept checkpoints: %s, from a file and from stdin', async (_what, text) => {
    const { code, out } = await verify(parent, '--checkpoint', file(text()));
    expect([code, out.includes(`${kept.length} kept checkpoints: AUTHENTIC`)]).toEqual([0, true]);
    expect(await run(['audit', 'verify', parent, '--checkpoint', '-'], { stdin: text().match(/[^]{1,7}/gu) ?? [] })).toMatchObject({ code: 0, out });
  });

  test('without key and checkpoint it is consistent, and not proven unless that is enough', async () => {
    const { code, out } = await verify(parent);
    expect([code, out.includes('consistent, NOT authenticated')]).toEqual([1, true]);
    expect(out).toContain('NOT AUTHENTICATED');
    expect(await verify(parent, '--no-key')).toMatchObject({ code: 0, out });
  });

  test('records behind the last kept checkpoint are not authenticated: said, and with --strict a failure', async () => {
    const first = file(kept[0] as string);
    const { code, out } = await verify(parent, '--checkpoint', first);
    expect([code, /NOT AUTHENTICATED {3}records \d+ to \d+ \(\d+\): no checkpoint covers them yet/.test(out), /AUTHENTIC, but for \d+ records/.test(out)]).toEqual([0, true, true]);
    expect(await verify(parent, '--checkpoint', first, '--strict')).toMatchObject({ code: 1, out });
    expect((await verify(parent, '--key', RAW_KEY, '--strict')).code).toBe(0);
  });

  test('as JSON: one line, with everything', async () => {
    const { code, lines } = await verify(parent, '--key', RAW_KEY, '--json');
    expect(code).toBe(0);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] as string)).toMatchObject({ proven: true, status: 'authentic', logs: [{ directory, origin: ORIGIN, clean: true, notAuthenticated: [] }] });
    expect(JSON.parse((await verify(parent, '--json')).out)).toMatchObject({ proven: false, status: 'consistent' });
  });
});

describe('a log that was changed', () => {
  test('is tampered with, and the first bad record is named with its segment', async () => {
    const folder = copy((log) => {
      const last = join(log, 'audit-00000003.jsonl');
      writeFileSync(last, readFileSync(last, 'utf8').replace('"id-45"', '"id-54"'));
    });
    const { code, out } = await verify(folder, '--key', RAW_KEY);
    const line = readFileSync(join(directory, 'audit-00000003.jsonl'), 'utf8').split('\n').find((text) => text.includes('"id-45"')) as string;
    expect([code, out.includes(`${join(folder, 'order-service')}: TAMPERED`)]).toEqual([1, true]);
    expect(out).toContain(`  first bad record    ${(JSON.parse(line) as { n: number }).n} in audit-00000003.jsonl\n`);
    expect(out).toContain('Keep the folder as it is');
    expect((await verify(folder, '--no-key')).code).toBe(1);
    expect(JSON.parse((await verify(folder, '--json')).out)).toMatchObject({ proven: false, status: 'tampered', logs: [{ problem: { segment: 'audit-00000003.jsonl' } }] });
  });

  test.each<[string, (log: string) => void, RegExp]>([
    ['a segment is missing', (log) => rmSync(join(log, 'audit-00000002.jsonl.gz')), /records \d+ to \d+ are missing/],
    ['a compressed one is damaged', (log) => truncateSync(join(log, 'audit-00000002.jsonl.gz'), 200), /does not decompress/],
    ['a header is damaged', (log) => writeFileSync(join(log, 'audit-00000003.jsonl'), readFileSync(join(log, 'audit-00000003.jsonl'), 'utf8').replace('"format"', '"fOrmat"')), /header/],
  ])('%s', async (_what, change, why) => {
    expect(await verify(copy(change), '--key', RAW_KEY)).toMatchObject({ code: 1, out: expect.stringMatching(why) });
  });

  test('regression: of records that are missing it is not said that retention deleted them', async () => {
    const { code, out } = await verify(copy((log) => rmSync(join(log, 'audit-00000001.jsonl.gz'))), '--key', RAW_KEY);
    expect([code, out.includes('are missing'), out.includes('retired   '), out.includes('deleted by retention')]).toEqual([1, true, false, false]);
  });

  test('its end cut off shows against a kept checkpoint only', async () => {
    const folder = copy((log) => {
      const last = join(log, 'audit-00000003.jsonl');
      const lines = readFileSync(last, 'utf8').split('\n');
      writeFileSync(last, lines.slice(0, lines.findIndex((line) => line.includes('"id-50"'))).join('\n') + '\n');
    });
    const { code, out } = await verify(folder, '--key', RAW_KEY);
    expect([code, out.includes('not closed: it is being written, its writer died, or its end was cut off')]).toEqual([0, true]);
    expect(await verify(folder, '--checkpoint', file(kept.join('')))).toMatchObject({ code: 1, out: expect.stringContaining('its end was cut off') });
  });

  test('a log that is gone shows against a kept checkpoint', async () => {
    expect(await verify(temporaryDirectory(), '--checkpoint', file(kept.join('')))).toMatchObject({ code: 1, out: expect.stringContaining(`'${ORIGIN}'`) });
  });

  test('under the key of somebody else it is no authentic log', async () => {
    const { code, out } = await verify(parent, '--key', SigningKey.generate().verifierKey(ORIGIN));
    expect([code, out.includes('no checkpoint of the log is signed by the given key')]).toEqual([1, true]);
  });

  test('one bad log among good ones decides', async () => {
    const folder = copy((log) => {
      const bad = join(log, '..', 'order-service-2');
      cpSync(log, bad, { recursive: true });
      rmSync(join(bad, 'audit-00000002.jsonl.gz'));
    });
    const { code, out } = await verify(folder, '--key', RAW_KEY);
    expect([code, out.includes('order-service: AUTHENTIC'), out.includes('order-service-2: TAMPERED')]).toEqual([1, true, true]);
    expect(out).toContain('2 logs, under 1 key: TAMPERED');
  });

  test('what somebody wrote into it reaches the terminal escaped', async () => {
    const evil = 'audit-\u001b[2J\u202e';
    const folder = copy((log) => cpSync(log, join(log, '..', evil), { recursive: true }));
    const { out } = await run(['audit', 'verify', folder], { terminal: true, env: { NO_COLOR: '1' } });
    expect(out).toContain('audit-\\u001b[2J\\u202e');
    expect(RAW_CONTROLS.test(out.replaceAll('\n', ''))).toBe(false);
  });
});

describe('what happened to the writer', () => {
  test('records behind the last checkpoint of one that was killed are named', async () => {
    const folder = join(temporaryDirectory(), 'killed');
    const writer = spawn(process.execPath, [WRITER, folder, ORIGIN], { stdio: ['pipe', 'pipe', 'inherit'] });
    writer.stdin.write(key.toPem());
    writer.stdin.end();
    await once(writer.stdout, 'data');
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    const dead = await verify(folder, '--key', RAW_KEY);
    expect([dead.code, dead.out.includes('no checkpoint covers them yet'), dead.out.includes('its writer died')]).toEqual([0, true, true]);
    await (await openLog(folder)).close();
    const again = await verify(folder, '--key', RAW_KEY);
    expect([again.code, again.out.includes('when the writer died')]).toEqual([0, true]);
    expect((await verify(folder, '--key', RAW_KEY, '--strict')).code).toBe(1);
  });

  test('what retention deleted is said, and is no tampering', async () => {
    const folder = join(temporaryDirectory(), 'retired');
    const clock = new FakeClock(Date.UTC(2026, 0, 1));
    const log = await openLog(folder, { clock, retentionDays: 1 });
    await log.append([event(0), event(1)]);
    await log.rotate();
    await clock.advance(3 * 86_400_000);
    while (segmentsIn(folder).includes('audit-00000001.jsonl')) await clock.advance(1000);
    await log.close();
    const { code, out } = await verify(folder, '--key', RAW_KEY);
    expect([code, /retired {13}records 0 to \d+ \(\d+\): deleted by retention/.test(out)]).toEqual([0, true]);
  });
});

describe('what cannot be verified is exit code 2, in words', () => {
  const empty = temporaryDirectory();

  test.each<[string, () => string[], RegExp]>([
    ['a folder that is not there', () => [join(empty, 'none')], /^error: there is no '.*none'\n$/],
    ['a file', () => [file('')], /is no folder/],
    ['a folder without logs', () => [empty], /there is no audit log in/],
    ['a key that is none', () => [parent, '--key', 'abc'], /'abc' is neither a verifier key .* nor a file/],
    ['a mistyped verifier key', () => [parent, '--key', publicKey.replace('order', 'other')], /does not match its id: mistyped\?/],
    ['a file that holds no key', () => [parent, '--key', file('# none\n')], /there is no key in/],
    ['a file with something else', () => [parent, '--key', file(`${RAW_KEY}\nhello\n`)], /key 2 is neither/],
    ['a private key', () => [parent, '--key', file(key.toPem())], /holds a private key.*'secure-stack-mesh audit key' prints the public one/],
    ['a large file as a key', () => [parent, '--key', file('x'.repeat(70_000))], /that is no file of keys/],
    ['a checkpoint file that is not there', () => [parent, '--checkpoint', join(empty, 'none')], /there is no '/],
    ['a checkpoint file without one', () => [parent, '--checkpoint', file(`${JSON.stringify(event(1))}\n`)], /there is no checkpoint in/],
    ['a damaged note', () => [parent, '--checkpoint', file(`${kept[0] as string}x`)], /line \d+ of '.*' begins no signed checkpoint/],
    ['another kind of file', () => [parent, '--checkpoint', file('x'.repeat(63).concat('\n').repeat(5000))], /line 1 of '.*' begins no signed checkpoint/],
    ['an event with a damaged note', () => [parent, '--checkpoint', file(eventLines(['nonsense']))], /line 1 of '.*' begins no signed checkpoint/],
    ['no folder', () => [], /missing required argument 'dir'/],
    ['an unknown option', () => [parent, '--kee', 'x'], /unknown option '--kee'\n\(Did you mean --key\?\)/],
    ['--key with --no-key', () => ['--key', RAW_KEY, '--no-key', parent], /'--no-key' cannot be used with option '--key'/],
    ['--no-key with --key', () => ['--no-key', '--key', RAW_KEY, parent], /'--no-key' cannot be used with option '--key'/],
    ['--strict with --no-key', () => ['--strict', '--no-key', parent], /'--no-key' cannot be used with option '--strict'/],
  ])('%s', async (_what, args, message) => {
    expect(await verify(...args())).toEqual({ code: 2, out: '', lines: [], err: expect.stringMatching(message) });
  });

  test('nothing to check under is not what a lost checkpoint file ends in', async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, 'dir'));
    expect(await verify(parent, '--checkpoint', join(folder, 'dir'))).toMatchObject({ code: 2, err: expect.stringMatching(/folder|EISDIR/) });
  });
});

function eventLines(notes: readonly string[]): string {
  return notes.map((note, index) => `${JSON.stringify(event(index, { action: 'audit.checkpoint', metadata: { note } }, { eventType: 'system' }))}\n`).join('');
}
