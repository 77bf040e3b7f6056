import { describe, expect, test } from '@jest/globals';
import { createSecretKey } from 'node:crypto';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import { EventStamper } from '../src/event-stamper.js';
import { Redactor, type RedactionOptions } from '../src/redaction.js';

const redact = (metadata: Record<string, unknown>, options?: RedactionOptions): Readonly<Record<string, unknown>> =>
  new Redactor(options).redact(metadata).metadata;

/** -0 is the one finite number that JSON changes. */
function withoutMinusZero(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMinusZero);
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutMinusZero(inner)]));
  return value === 0 ? 0 : value;
}

describe('names', () => {
  test.each([
    'password', 'Password', 'userPassword', 'pass_wd', 'x-api-key', 'apiKey', 'API_KEY', 'privateKey', 'sessionKey', 'key', 'keys', 'token', 'accessToken',
    'refresh-token', 'id.token', 'secret', 'clientSecret', 'Authorization', 'proxy-authorization', 'cookie', 'Set-Cookie', 'credentials', 'passphrase',
    'jwt', 'psk', 'pin', 'otp', 'cvv',
  ])('%s is masked, whatever its value', (name) => {
    for (const value of ['hunter2', 42, { inner: 'hunter2' }, ['hunter2'], Buffer.from('hunter2')]) {
      expect(redact({ [name]: value })).toEqual({ [name]: '[redacted]' });
    }
  });

  test.each(['publicKey', 'keyId', 'keyEpoch', 'method', 'bytes', 'remoteAddress', 'opinion', 'shipping', 'reason', 'monkeyBusiness'])('%s is shown', (name) => {
    expect(redact({ [name]: 'shown' })).toEqual({ [name]: 'shown' });
  });

  test('are masked at every depth, in lists, maps and errors', () => {
    const secrets = {
      a: { b: [{ password: 'canary' }] },
      map: new Map<unknown, unknown>([['token', 'canary'], [{ token: 1 }, 'shown']]),
      error: Object.assign(new Error('message'), { secret: 'canary', stack: 'canary' }),
    };
    const copy = redact(secrets);
    expect(JSON.stringify(copy)).not.toContain('canary');
    expect(copy).toEqual({
      a: { b: [{ password: '[redacted]' }] },
      map: { token: '[redacted]', '[object]': 'shown' },
      error: { name: 'Error', message: 'message' },
    });
  });

  test('mask adds names, allow takes them out, only lists the ones shown at the top', () => {
    expect(redact({ iban: 'x', customerIban: 'x', partitionKey: 'p', apiKey: 'k' }, { mask: ['IBAN'], allow: ['partition_key'] })).toEqual({
      iban: '[redacted]', customerIban: '[redacted]', partitionKey: 'p', apiKey: '[redacted]',
    });
    expect(redact({ method: 'm', other: 'o', list: { other: 'o', password: 'p' }, token: 't' }, { only: ['method', 'list', 'token'] })).toEqual({
      method: 'm', other: '[redacted]', list: { other: 'o', password: '[redacted]' }, token: '[redacted]',
    });
  });

  test('verdicts for thousands of names are right and do not pile up', () => {
    const redactor = new Redactor();
    for (let index = 0; index < 3_000; index++) {
      const { metadata } = redactor.redact({ [`field${index}`]: 1, [`token${index}`]: 1 });
      expect(metadata).toEqual({ [`field${index}`]: 1, [`token${index}`]: '[redacted]' });
    }
  });
});

describe('regression: secrets that names and shapes gave away', () => {
  test.each([
    'keyPem', 'key_pem', 'keyMaterial', 'key1', 'key_2', 'apiKeys3', 'pass', 'dbPass', 'DB_PASS', 'smtp-pass1', 'passcode', 'pw', 'userPw', 'dsn', 'sentryDSN', 'connectionString',
    'seed', 'walletSeed', 'mnemonic', 'csrf', 'x-csrf-id', 'XSRF-ID', 'pin1', '\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44', '\uff2b\uff25\uff39', 'pass\u200bword', `${'x'.repeat(300)}`,
  ])('%s is masked', (name) => {
    expect(Object.values(redact({ [name]: 'canary' }))).toEqual(['[redacted]']);
  });

  test.each(['passCount', 'compass', 'bypass', 'reseeded', 'seedNodes', 'pwm', 'keyEpoch1', 'publicKey1', 'passed', 'sha256', 'attempt2'])('%s is shown', (name) => {
    expect(redact({ [name]: 'shown' })).toEqual({ [name]: 'shown' });
  });

  test('a number after an allowed name makes it another', () => {
    expect(redact({ partitionKey: 'p', partitionKey2: 'q' }, { allow: ['partitionKey'] })).toEqual({ partitionKey: 'p', partitionKey2: '[redacted]' });
  });

  test.each([
    ['raw headers', ['Host', 'h', 'Authorization', 'Bearer canary', 'accept', 'a'], ['Host', 'h', 'Authorization', '[redacted]', 'accept', 'a']],
    ['pairs', [['authorization', 'canary'], ['accept', 'a']], [['authorization', '[redacted]'], ['accept', 'a']]],
    ['a set of pairs', new Set([['cookie', 'canary']]), [['cookie', '[redacted]']]],
    ['arguments', ['--password', 'canary', '--verbose'], ['--password', '[redacted]', '--verbose']],
    ['an entry', { name: 'password', value: 'canary' }, { name: 'password', value: '[redacted]' }],
    ['an entry, the value first', [{ value: ['canary'], header: 'x-api-key' }], [{ value: '[redacted]', header: 'x-api-key' }]],
    ['an AWS tag', { Key: 'DbPassword', Value: 'canary' }, { Key: '[redacted]', Value: '[redacted]' }],
    ['a harmless entry', { name: 'method', value: 'charge' }, { name: 'method', value: 'charge' }],
    ['a list of sentences', ['the token is old', 'so what'], ['the token is old', 'so what']],
    ['a list with a getter that throws', Object.defineProperty(['a', 'b'], 0, { get: () => { throw new Error('canary'); } }), ['[unreadable]', 'b']],
  ])('%s', (_what, value, shown) => {
    expect(redact({ value })).toEqual({ value: shown });
  });

  test('URLs are shown without user, password, query and fragment', () => {
    const urls = ['https://user:canary@example.org/path?sig=canary#access_token=canary', 'postgres://user:canary@db:5432/orders?password=canary', 'https://example.org/'];
    expect(redact({ urls: urls.map((url) => new URL(url)) })).toEqual({ urls: ['https://example.org/path', 'postgres://db:5432/orders', 'https://example.org/'] });
  });

  test('private keys in PEM form are masked in every text, whole, cut or on one line', () => {
    const pem = (label: string): string => `-----BEGIN ${label}-----\nMIGcanary\n-----END ${label}-----`;
    for (const label of ['PRIVATE KEY', 'EC PRIVATE KEY', 'ENCRYPTED PRIVATE KEY', 'PGP PRIVATE KEY BLOCK']) {
      expect(redact({ text: `cannot read ${pem(label)} here` })).toEqual({ text: 'cannot read [redacted] here' });
    }
    const shown = redact({
      cut: `${'x'.repeat(30)}${pem('PRIVATE KEY')}`, line: pem('PRIVATE KEY').replaceAll('\n', '\\n'), [pem('PRIVATE KEY')]: 1, two: `${pem('PRIVATE KEY')}, ${pem('RSA PRIVATE KEY')}`,
      error: new Error(pem('PRIVATE KEY')), public: pem('PUBLIC KEY').replace('canary', ''),
    }, { maxStringLength: 70 });
    expect(JSON.stringify(shown)).not.toContain('canary');
    expect(shown).toMatchObject({ cut: `${'x'.repeat(30)}[redacted]`, public: '-----BEGIN PUBLIC KEY-----\nMIG\n-----END PUBLIC KEY-----' });
    const { event } = new EventStamper('me', new FakeClock(), new Redactor(), true).stamp(
      { eventType: 'error', targetServiceId: pem('PRIVATE KEY'), details: { action: pem('PRIVATE KEY'), success: false, error: `no key: ${pem('PRIVATE KEY')}` } }, 'durable', undefined,
    );
    expect(JSON.stringify(event)).not.toContain('canary');
    expect(event.details.error).toBe('no key: [redacted]');
  });
});

describe('values', () => {
  test('that are not JSON become text; bytes become their count', () => {
    class Opaque {
      toJSON(): string {
        return '[redacted]';
      }
    }
    expect(
      redact({
        bigint: 12345678901234567890n, nan: NaN, infinity: -Infinity, undefined: undefined, symbol: Symbol('s'), fn: () => 1, nul: null, yes: true,
        date: new Date(0), noDate: new Date(NaN), buffer: Buffer.from('secret'), bytes: new Uint16Array(3), raw: new ArrayBuffer(5), set: new Set([1, 'a']),
        list: [undefined, 1], opaque: new Opaque(), url: new URL('https://example.org/'),
      }),
    ).toEqual({
      bigint: '12345678901234567890', nan: 'NaN', infinity: '-Infinity', symbol: '[symbol]', fn: '[function]', nul: null, yes: true,
      date: '1970-01-01T00:00:00.000Z', noDate: 'Invalid Date', buffer: '[6 bytes]', bytes: '[6 bytes]', raw: '[5 bytes]', set: [1, 'a'],
      list: [null, 1], opaque: '[redacted]', url: 'https://example.org/',
    });
  });

  test('a key object shows nothing of the key', () => {
    const canary = Buffer.from('0123456789abcdef0123456789abcdef');
    const text = JSON.stringify(redact({ held: createSecretKey(canary), list: [createSecretKey(canary)] }));
    for (const form of [canary.toString('latin1'), canary.toString('hex'), canary.toString('base64'), canary.toString('base64url')]) expect(text).not.toContain(form);
  });

  test('cycles, depth, length and count are cut with a mark', () => {
    const cycle: Record<string, unknown> = { name: 'c' };
    cycle['self'] = cycle;
    cycle['list'] = [cycle];
    expect(redact({ cycle })).toEqual({ cycle: { name: 'c', self: '[circular]', list: ['[circular]'] } });
    expect(redact({ a: { b: { c: { d: 1 } } } }, { maxDepth: 3 })).toEqual({ a: { b: { c: '[deep]' } } });
    expect(redact({ text: 'x'.repeat(20) }, { maxStringLength: 5 })).toEqual({ text: 'xxxxx…[+15 chars]' });
    expect(redact({ list: [1, 2, 3, 4], a: 1, b: 2 }, { maxEntries: 2 })).toEqual({ list: [1, 2, '[2 more]'], a: 1, '…': '[1 more]' });
    // The same object twice is no cycle.
    const shared = { x: 1 };
    expect(redact({ one: shared, two: shared })).toEqual({ one: { x: 1 }, two: { x: 1 } });
  });

  test('a bomb of nested containers, a toJSON without end and 1 MiB strings end small and soon', () => {
    let bomb: unknown = 'x'.repeat(1_048_576);
    for (let depth = 0; depth < 6; depth++) bomb = Array.from({ length: 64 }, () => bomb);
    class Endless {
      toJSON(): Endless {
        return new Endless();
      }
    }
    const redactor = new Redactor();
    const { metadata, bytes } = redactor.redact({ bomb, endless: new Endless(), text: 'y'.repeat(1_048_576) });
    expect(bytes).toBeLessThan(200_000);
    expect(JSON.stringify(metadata).length).toBeLessThan(200_000);
  });

  test('regression: bigints are cut, count as the texts they become, and cost no time when they are huge', () => {
    const huge = 1n << 4_000_000n;
    const started = performance.now();
    expect(redact({ huge, negative: -huge, list: [huge] })).toEqual({ huge: '[large bigint]', negative: '[large bigint]', list: ['[large bigint]'] });
    // Turning one of them into digits takes some 500 ms.
    expect(performance.now() - started).toBeLessThan(300);
    expect(redact({ long: 10n ** 100n }, { maxStringLength: 5 })).toEqual({ long: '10000…[+96 chars]' });

    const many = Array.from({ length: 64 }, () => Array.from({ length: 64 }, () => (1n << 1_024n) - 1n));
    const { metadata, bytes } = new Redactor().redact({ many });
    expect(bytes).toBeLessThan(140_000);
    expect(JSON.stringify(metadata).length).toBeLessThan(70_000);
  });

  test('what throws when it is read costs that entry alone', () => {
    const hostile = {
      get bad(): string {
        throw new Error('canary');
      },
      good: 1,
      proxy: new Proxy({}, { ownKeys: () => { throw new Error('canary'); } }),
      json: { toJSON: () => { throw new Error('canary'); } },
      after: { deep: { enough: 1 } },
    };
    expect(redact(hostile)).toEqual({ bad: '[unreadable]', good: 1, proxy: '[unreadable]', json: '[unreadable]', after: { deep: { enough: 1 } } });
    const late = { toJSON: () => hostile['proxy'] };
    expect(redact({ list: Array(9).fill(late), after: { a: { b: { c: 1 } } } })).toEqual({ list: Array(9).fill('[unreadable]'), after: { a: { b: { c: 1 } } } });
    expect(redact(hostile['proxy'] as Record<string, unknown>)).toEqual({ unreadable: true });
  });

  test('prototypes are neither read nor changed', () => {
    const metadata = JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}') as Record<string, unknown>;
    const copy = redact(metadata);
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect((copy as { polluted?: boolean }).polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(redact(Object.create({ inherited: 1 }) as Record<string, unknown>)).toEqual({});
  });

  test('the copy is frozen at every depth, the original untouched', () => {
    const original = { list: [{ a: 1 }], text: 'x' };
    const copy = redact(original) as { list: { a: number }[] };
    expect(Object.isFrozen(copy) && Object.isFrozen(copy.list) && Object.isFrozen(copy.list[0])).toBe(true);
    expect(Object.isFrozen(original) || Object.isFrozen(original.list)).toBe(false);
  });

  test('whatever comes in, JSON comes out, and only JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true })), (metadata) => {
        const { metadata: copy } = new Redactor().redact(metadata);
        expect(JSON.parse(JSON.stringify(copy))).toEqual(withoutMinusZero(copy));
      }),
      { numRuns: 300 },
    );
  });

  test('the size is about what the text takes', () => {
    const { bytes } = new Redactor().redact({ text: 'x'.repeat(1_000), list: [1, 2, 3] });
    expect(bytes).toBeGreaterThan(1_000);
    expect(bytes).toBeLessThan(3_000);
  });
});

describe('metadata that cannot change', () => {
  test('is redacted once, and masked all the same', () => {
    const redactor = new Redactor();
    const constant = Object.freeze({ method: 'charge', password: 'hunter2' });
    const first = redactor.redact(constant);
    expect(first.metadata).toMatchObject({ method: 'charge' });
    expect(JSON.stringify(first.metadata)).not.toContain('hunter2');
    expect(redactor.redact(constant)).toBe(first);
  });

  test.each([
    ['not frozen', { method: 'a' }],
    ['frozen, with an object inside that is not', Object.freeze({ inner: { method: 'a' } })],
    ['frozen, with a getter', Object.freeze(Object.defineProperty({}, 'method', { enumerable: true, get: () => Math.random() }))],
  ])('%s: looked at anew each time', (_name, metadata: Record<string, unknown>) => {
    const redactor = new Redactor();
    expect(redactor.redact(metadata)).not.toBe(redactor.redact(metadata));
  });
});
