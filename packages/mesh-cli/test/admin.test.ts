import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeAdmin, ROTATED, STATS } from './support/fake-admin.js';
import { RAW_CONTROLS, run, Running } from './support/run.js';

const folder = mkdtempSync(join(tmpdir(), 'mesh-cli-admin-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let admin: FakeAdmin;
beforeEach(async () => {
  admin = await new FakeAdmin().listen();
});
afterEach(() => admin.close());

const TOKEN = 'correct-horse-battery-staple';
const COMMANDS = ['status', 'health', 'topology', 'keys status', 'keys rotate'];
const ask = (command: string, args: readonly string[] = [], options: Parameters<typeof run>[1] = {}): ReturnType<typeof run> => run([...command.split(' '), '--url', admin.url, ...args], options);
const with_ = (changes: object): [number, unknown] => [200, { ...STATS, ...changes }];

test('what is asked is the host of --url, however its path begins: no other gets the token', async () => {
  const { code, out } = await run(['health', '--json', '--url', `${admin.url}//elsewhere.invalid/`], { env: { MESH_ADMIN_TOKEN: TOKEN } });
  expect([code, out]).toEqual([1, '']);
  expect(admin.asked.map(({ url }) => url)).toEqual(['//elsewhere.invalid/health/live']);
});

describe('for a person', () => {
  test('status', async () => {
    const { code, out, err } = await ask('status');
    expect([code, err]).toEqual([0, '']);
    expect(out).toBe(
      [
        'spiffe://mesh.test/orders',
        '  state         ready',
        '  health        healthy',
        '  process       pid 4711, Node.js v20.20.2, up 2 h, port 50051',
        '  sessions      3 in, 2 out; with billing, payments',
        '  calls         99 in; 1,234 out, 5 failed, mean 1.3 ms in the last minute',
        '  refused       1 denied, 0 over the rate, 0 over the capacity',
        '  breakers      closed',
        '  static key    0123456789abcdef0123456789abcdef, 2 h old, rotated each 24 h',
        '  session keys  oldest 10 min old; 4 changes, 0 failed',
        '  certificate   29 d left, until 2026-07-01T00:00:00.000Z',
        '  audit file    1,500 delivered, 2 waiting, 0 lost',
        '',
      ].join('\n'),
    );
  });

  test('topology', async () => {
    const { code, lines } = await ask('topology');
    expect(code).toBe(0);
    expect(lines).toEqual([
      'FROM     TO        AT              STATE      SESSIONS  IN FLIGHT  BREAKER  PEER OR REASON',
      'orders   payments  10.0.0.7:50051  connected  1         2          closed   spiffe://mesh.test/payments',
      'orders   payments  10.0.0.8:50051  waiting    0         0          open     connect_failed',
      'orders   stock     -               unknown    0         0          -        no instance is known',
      'billing  orders    -               connected  2         0          -        spiffe://mesh.test/billing',
    ]);
  });

  test('keys rotate', async () => {
    const { code, lines } = await ask('keys rotate', ['--reason', 'compromise']);
    expect([code, ...lines]).toEqual([0, 'rotated at 2026-06-01T12:00:00.000Z, in 12 ms', '  static key  new, after old', '  sessions    5 have new keys, 0 ended, 0 have their old ones still']);
    expect(admin.asked).toEqual([{ method: 'POST', url: '/keys/rotate', headers: expect.objectContaining({ 'content-type': 'application/json' }), body: '{"reason":"compromise"}' }]);
  });

  test('health says which check it is and why', async () => {
    admin.answers['/health/ready'] = [503, { status: 'fail', output: 'database', checks: { crypto: [{ status: 'pass' }], database: [{ status: 'fail', output: 'connection refused' }] } }];
    const { code, lines } = await ask('health');
    expect([code, ...lines]).toEqual([1, 'live     pass  ', 'ready    fail  database', 'startup  pass  ', '', 'CHECK     STATUS  WHY', 'crypto    pass    ', 'database  fail    connection refused']);
  });

  test.each(COMMANDS)('%s has colours on a terminal alone', async (command) => {
    expect((await ask(command)).out).not.toContain('\u001b');
    expect((await ask(command, [], { terminal: true, env: { NO_COLOR: '1' } })).out).not.toContain('\u001b');
    expect((await ask(command, [], { terminal: true })).out).toContain('\u001b[');
  });
});

describe('for scripts', () => {
  test.each<[string, unknown]>([
    ['status', STATS],
    ['health', { ok: true, live: { status: 'pass' }, ready: { status: 'pass', checks: { crypto: [{ status: 'pass' }] } }, startup: { status: 'pass' } }],
    ['topology', { service: 'orders', ...STATS.topology }],
    ['keys status', { staticKey: { keyId: STATS.staticKeyId, ...STATS.metrics.keys.staticKey }, oldestSessionKeyMs: 600_000, rekeys: 4, rekeysFailed: 0, certificate: STATS.metrics.certificate }],
    ['keys rotate', ROTATED],
  ])('%s --json is one line', async (command, expected) => {
    const { code, lines } = await ask(command, ['--json']);
    expect([code, lines.length, JSON.parse(lines.join())]).toEqual([0, 1, expected]);
  });

  test.each<[string, string, string, [number, unknown], number]>([
    ['a mesh that is not ready', 'status', '/stats', with_({ ready: false }), 1],
    ['a mesh that is unhealthy', 'status', '/stats', with_({ health: { status: 'unhealthy', checks: {} } }), 1],
    ['a mesh that is degraded', 'status', '/stats', with_({ health: { status: 'degraded', checks: {} } }), 0],
    ['a key that is overdue', 'keys status', '/stats', with_({ metrics: { keys: { staticKey: { ageMs: 1, overdue: true } } } }), 1],
    ['a certificate that has ended', 'keys status', '/stats', with_({ metrics: { certificate: { notAfter: 1 } } }), 1],
    ['sessions with their old keys', 'keys rotate', '/keys/rotate', [200, { ...ROTATED, sessionsLeft: 1 }], 1],
    ['a mesh that has not started', 'health', '/health/startup', [503, { status: 'fail' }], 1],
    ['a mesh that is not live', 'health', '/health/live', [503, { status: 'fail' }], 1],
    ['who is refused', 'status', '/stats', [401, { error: { code: 'UNAUTHENTICATED', reason: 'admin_unauthenticated', message: 'show the token' } }], 1],
    ['a rotation that failed', 'keys rotate', '/keys/rotate', [503, { error: { code: 'UNAVAILABLE', reason: 'audit_unavailable', message: 'no durable sink' } }], 1],
    ['whoever says invalid_option', 'status', '/stats', [400, { error: { code: 'INVALID_ARGUMENT', reason: 'invalid_option', message: 'x' } }], 1],
    ['a page', 'status', '/stats', [200, '<html>'], 3],
    ['nothing', 'status', '/stats', [200, ''], 3],
    ['an error of another server', 'status', '/stats', [500, '{}'], 3],
    ['an answer that fits nothing', 'topology', '/stats', [200, '[1]'], 0],
  ])('%s: %s', async (_what, command, path, answer, expected) => {
    admin.answers[path] = answer;
    for (const args of [[], ['--json']]) expect((await ask(command, args)).code).toBe(expected);
  });

  test.each(COMMANDS)('%s: nobody there is 3, and says what to look at', async (command) => {
    const { url } = admin;
    await admin.close();
    const { code, out, err } = await run([...command.split(' '), '--url', url]);
    expect([code, out]).toEqual([3, '']);
    expect(err).toMatch(/^error: admin_unreachable: cannot ask http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED.*option admin/);
  });

  test.each([['ftp://localhost'], ['localhost:9464'], ['http://user:pass@localhost'], ['http://localhost/?token=x'], ['']])('--url %s is 2', async (url) => {
    const { code, err } = await run(['status', '--url', url]);
    expect(code).toBe(2);
    expect(err).toContain('http://host:port');
  });

  test.each([['--reason', 'boredom'], ['--timeout', '0'], ['--token', TOKEN]])('%s %s is 2, and asks nobody', async (...args) => {
    expect([(await ask('keys rotate', args)).code, admin.asked.length]).toEqual([2, 0]);
  });
});

describe('the token', () => {
  test.each(COMMANDS)('%s takes it from a file or the environment, and shows it nowhere', async (command) => {
    const file = join(folder, 'token');
    writeFileSync(file, `${TOKEN}\n`);
    const answers = [await ask(command, ['--token-file', file]), await ask(command, [], { env: { MESH_ADMIN_TOKEN: TOKEN } }), await ask(command, ['--token-file', file, '--json'], { env: { MESH_ADMIN_TOKEN: 'another-one-entirely' } })];
    for (const { headers } of admin.asked) expect(headers.authorization).toBe(`Bearer ${TOKEN}`);
    for (const { code, out, err } of answers) expect([code, `${out}${err}`.includes('horse')]).toEqual([0, false]);
  });

  test('a file that has none, or is none', async () => {
    const file = join(folder, 'empty');
    for (const text of ['', 'two words\nof horses', `${'horse'.repeat(200)}`]) {
      writeFileSync(file, text);
      const { code, err } = await ask('status', ['--token-file', file]);
      expect([code, err]).toEqual([2, expect.stringMatching(/^error: --token-file '.*': is no token/)]);
      expect(err).not.toContain('horse');
    }
    expect((await ask('status', ['--token-file', join(folder, 'nowhere')])).code).toBe(2);
    expect(admin.asked).toEqual([]);
  });

  test('goes to nobody else: a redirect is not followed', async () => {
    const other = await new FakeAdmin().listen();
    for (const status of [301, 302, 307, 308]) {
      admin.answers['/stats'] = (response) => void response.writeHead(status, { location: `${other.url}/stats`, 'content-type': 'application/json' }).end('{}');
      const { code, err } = await ask('status', [], { env: { MESH_ADMIN_TOKEN: TOKEN } });
      expect([code, err]).toEqual([3, expect.stringContaining(`is no admin endpoint of a mesh: it answered /stats with status ${status}`)]);
    }
    expect(other.asked).toEqual([]);
    await other.close();
  });
});

describe('a stranger at the other end', () => {
  test('who does not answer is given up', async () => {
    const asked = new Promise<void>((resolve) => (admin.answers['/stats'] = () => resolve()));
    const running = new Running(['status', '--url', admin.url, '--timeout', '3']);
    await asked;
    await running.clock.advance(3_000);
    expect([await running.code, running.stderr.text]).toEqual([3, expect.stringMatching(/admin_unreachable: no answer from .* within 3 s/)]);
  });

  test('who begins to answer, and does not end, too', async () => {
    const asked = new Promise<void>((resolve) => (admin.answers['/stats'] = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"service":', () => resolve());
    }));
    const running = new Running(['status', '--url', admin.url, '--timeout', '3']);
    await asked;
    await running.clock.advance(3_000);
    expect(await running.code).toBe(3);
  });

  test('who does not end at all is cut at 16 MiB', async () => {
    admin.answers['/stats'] = (response) => {
      const chunk = Buffer.alloc(1_048_576, 0x20);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
        response.once('drain', more);
      };
      more();
    };
    expect(await ask('status')).toMatchObject({ code: 3, err: expect.stringContaining('more than 16777216 bytes') });
  });

  test.each(COMMANDS)('%s: what moves a cursor is escaped, in answers and in errors', async (command) => {
    const evil = 'evil\u001b[2J\u202e\n\u0007';
    const evilStats = JSON.parse(JSON.stringify(STATS, (_name, value: unknown) => (typeof value === 'string' ? `${value}${evil}` : value))) as object;
    const evilProbe = { status: evil, output: evil, checks: { [evil]: [{ status: evil, output: evil }] } };
    for (const path of ['/health/live', '/health/ready', '/health/startup']) admin.answers[path] = [503, evilProbe];
    admin.answers['/stats'] = [200, evilStats];
    admin.answers['/keys/rotate'] = [200, { ...ROTATED, keyId: evil, rotatedAt: evil }];
    for (const args of [[], ['--json']]) {
      const { lines } = await ask(command, args);
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) expect(line).not.toMatch(RAW_CONTROLS);
      if (args.length > 0) expect(JSON.stringify(JSON.parse(lines.join()))).toContain('evil');
    }
    for (const path of Object.keys(admin.answers)) admin.answers[path] = [403, { error: { code: 'X', reason: evil, message: evil.repeat(1_000) } }];
    const { code, err } = await ask(command);
    expect(code).toBe(1);
    expect(err.length).toBeLessThan(10_000);
    for (const line of err.split('\n').slice(0, -1)) expect(line).not.toMatch(RAW_CONTROLS);
  });
});
