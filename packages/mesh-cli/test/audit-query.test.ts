import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { event, openLog, START, temporaryDirectory } from './support/logs.js';
import { RAW_CONTROLS, run } from './support/run.js';

const parent = temporaryDirectory();

beforeAll(async () => {
  const [one, two] = [await openLog(join(parent, 'order-service')), await openLog(join(parent, 'user-service'))];
  for (const sequence of [0, 1, 2, 3, 4, 5, 6, 7]) {
    const log = sequence < 4 || sequence > 5 ? one : two;
    await log.append([event(sequence, {}, log === two ? { serviceId: 'user-service' } : {})]);
  }
  await Promise.all([one.close(), two.close()]);
});

const query = (...args: string[]): ReturnType<typeof run> => run(['audit', 'query', parent, ...args]);
const at = (sequence: number): string => new Date(START + sequence * 1000).toISOString();

describe('filters', () => {
  test.each<[string[], number[]]>([
    [[], [0, 1, 2, 3, 4, 5, 6, 7]],
    [['--since', at(5)], [5, 6, 7]],
    [['--until', at(2)], [0, 1]],
    [['--since', '2026-01-01', '--until', '2026-01-01T00:00:01'], [0]],
    [['--since', '1h'], []],
    [['--since', '52w', '--limit', '3'], [0, 1, 2]],
    [['--type', 'connection'], [1, 3, 5, 7]],
    [['--service', 'user-service'], [4, 5]],
    [['--action', 'message.sent'], [0, 2, 4, 6]],
    [['--success'], [1, 2, 4, 5, 7]],
    [['--failed', '--type', 'connection'], [3]],
  ])('%j', async (args, expected) => {
    const { code, lines, err } = await query(...args);
    expect([code, err]).toEqual([0, '']);
    expect(lines.map((line) => (JSON.parse(line) as { sequence: number }).sequence)).toEqual(expected);
  });
});

test('JSON Lines when it is piped: what was appended, and where it stands', async () => {
  const { lines } = await query('--limit', '1');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([{ log: 'order-service', n: 2, ...(JSON.parse(JSON.stringify(event(0))) as object) }]);
});

test('aligned columns on a terminal, in colours unless NO_COLOR is set, and where they are asked for', async () => {
  const expected = [
    'TIME                      SERVICE               TYPE        ACTION              RESULT  DETAILS',
    `${at(0)}  order-service         message     message.sent        FAILED  `,
    `${at(1)}  order-service         connection  auth.failed         ok      `,
  ];
  expect((await run(['audit', 'query', parent, '--limit', '2'], { terminal: true, env: { NO_COLOR: '1' } })).lines).toEqual(expected);
  expect((await query('--limit', '2', '--columns')).lines).toEqual(expected);
  const { out } = await run(['audit', 'query', parent, '--limit', '2'], { terminal: true });
  expect(out).toContain('\u001b[1;31mFAILED\u001b[0m');
  const { lines } = await run(['audit', 'query', parent, '--limit', '2', '--json'], { terminal: true });
  expect(lines.every((line) => line.startsWith('{"log"'))).toBe(true);
});

test('details are shown, those that the mesh does not write too', async () => {
  const folder = join(temporaryDirectory(), 'log');
  const log = await openLog(folder);
  await log.append([
    event(1, { duration: 12.345, messageCount: 3, error: 'a: "b"', metadata: { method: 'charge' }, extra: 1 }, { targetServiceId: 'payment-service' }),
    { timestamp: 5, eventType: 'a  b', details: null },
    { details: 'text' },
    '{"log":"forged","n":99,"timestamp":"x"}'.replace('{"log"', '{"a":1,"log"'),
  ]);
  await log.close();
  const { lines } = await run(['audit', 'query', folder, '--columns']);
  expect(lines[1]).toMatch(/ order-service → payment-service {2}connection .* 12\.3 ms {2}3 messages {2}"a: \\"b\\"" {2}\{"method":"charge"\} {2}\{"extra":1\}$/);
  expect(lines[2]).toMatch(/^5 +- +"a {2}b" +- +- +$/);
  const json = (await run(['audit', 'query', folder])).lines.map((line) => JSON.parse(line) as { log: string; n: number });
  expect(json.map(({ log: name, n }) => [name, n])).toEqual([['', 2], ['', 3], ['', 4], ['', 5]]);
});

test('log injection: no raw control character, one line per event, as columns and as JSON', async () => {
  const folder = join(temporaryDirectory(), 'log');
  const log = await openLog(folder);
  const injections = [
    '\u001b[2J\u001b[H', '\u009b31m', '\u001b]8;;http://evil.example\u001b\\link', '\u001b]52;c;ZXZpbA==\u0007', 'a\r\nforged line', 'a\nb', 'a\u0085b', 'a\u2028b\u2029c', 'nul\0byte',
    '\u202egnp.exe', '\u2066x\u2069', '\ufeffbom', '\u00adsoft', '\u{e0041}tag', '\ud800lone', '"}\n{"forged":true}', '\\u001b[31m', 'x'.repeat(1_048_576 / 2), '\u001b'.repeat(100_000),
  ];
  await log.append(injections.map((text) => ({ timestamp: text, serviceId: text, targetServiceId: text, eventType: text, [text]: text, details: { action: text, error: text, [text]: text, metadata: { [text]: text } } })));
  await log.close();
  for (const [args, terminal] of [[['--columns'], false], [[], false], [[], true]] as const) {
    const { code, out, lines } = await run(['audit', 'query', folder, ...args], { terminal, env: { NO_COLOR: '1' } });
    const isJson = args.length === 0 && !terminal;
    expect([code, lines.length]).toEqual([0, injections.length + (isJson ? 0 : 1)]);
    expect(RAW_CONTROLS.test(out.replaceAll('\n', ''))).toBe(false);
    if (isJson) expect(lines.map((line) => (JSON.parse(line) as { serviceId: string }).serviceId)).toEqual(injections);
  }
});

test('no event is nothing, and on a terminal it is said', async () => {
  expect(await query('--action', 'none')).toEqual({ code: 0, out: '', err: '', lines: [] });
  expect(await run(['audit', 'query', parent, '--action', 'none'], { terminal: true })).toMatchObject({ code: 0, out: '', err: 'no events fit\n' });
});

describe('what cannot be answered is exit code 2, in words', () => {
  test.each<[string, string[], RegExp]>([
    ['a time that is none', ['--since', 'x'], /'--since <time>' argument 'x' is invalid\. Give a date/],
    ['a span that is empty', ['--since', '2026-01-02', '--until', '2026-01-02'], /^error: --until: nothing is from/],
    ['an event type that there is not', ['--type', 'x'], /Allowed choices are connection, message/],
    ['a limit that is none', ['--limit', '0'], /Give a whole number from 1/],
    ['both outcomes', ['--success', '--failed'], /cannot be used with/],
    ['both formats', ['--json', '--columns'], /cannot be used with/],
  ])('%s', async (_what, args, message) => {
    expect(await query(...args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
  });

  test('folders without a log, and files that are none', async () => {
    const folder = temporaryDirectory();
    expect(await run(['audit', 'query', folder])).toMatchObject({ code: 2, err: expect.stringContaining('there is no audit log in') });
    expect(await run(['audit', 'query', join(folder, 'none')])).toMatchObject({ code: 2, err: expect.stringContaining('there is no ') });
    const segment = join(parent, 'order-service', 'audit-00000001.jsonl');
    expect(await run(['audit', 'query', segment])).toMatchObject({ code: 2, err: expect.stringContaining('is no folder') });
    mkdirSync(join(folder, 'log'));
    writeFileSync(join(folder, 'log', 'audit-00000001.jsonl'), readFileSync(segment, 'utf8').replace('"format"', '"f"'));
    expect(await run(['audit', 'query', folder])).toMatchObject({ code: 2, err: expect.stringMatching(/header of a segment has been altered \('secure-stack-mesh audit verify' says where\)/) });
  });
});
