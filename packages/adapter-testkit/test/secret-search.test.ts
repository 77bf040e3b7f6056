import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { printed, SecretSearch } from '../src/secret-search.js';

const SECRET = 'sk-"Kf93/hW+q0Zt\\8vLmX2';
const search = new SecretSearch([SECRET]);

describe('SecretSearch', () => {
  test.each([
    ['as it is', `key ${SECRET}!`],
    ['escaped as in JSON', JSON.stringify({ nested: [SECRET] })],
    ['escaped as by util.inspect()', inspect({ key: SECRET })],
    ['escaped as in a URL', `https://x.example/?key=${encodeURIComponent(SECRET)}`],
    ['in hex', Buffer.from(SECRET).toString('hex')],
    ['in hex', Buffer.from(SECRET).toString('hex').toUpperCase()],
    ['in hex', inspect(Buffer.from(`before ${SECRET} after`))],
    ['as a list of bytes', inspect(Uint8Array.from(Buffer.from(SECRET)))],
    ['as a list of bytes', JSON.stringify(Buffer.from(SECRET))],
    ['in base64', Buffer.from(SECRET).toString('base64')],
  ])('finds it %s', (form, text) => {
    expect(search.find(text)).toBe(form);
  });

  test('finds it in base64 and base64url whatever stands before and behind', () => {
    for (let before = 0; before < 6; before++) {
      for (let behind = 0; behind < 6; behind++) {
        const bytes = Buffer.concat([randomBytes(before), Buffer.from(SECRET), randomBytes(behind)]);
        expect(search.find(bytes.toString('base64'))).toBeDefined();
        expect(search.find(bytes.toString('base64url'))).toBeDefined();
      }
    }
  });

  test('finds single lines of a key in PEM form', () => {
    const body = [randomBytes(48), randomBytes(48)].map((bytes) => bytes.toString('base64'));
    const pem = new SecretSearch([`-----BEGIN PRIVATE KEY-----\n${body.join('\n')}\n-----END PRIVATE KEY-----\n`]);
    expect(pem.find(`"${body[1]}"`)).toBe('as it is');
    expect(pem.find('-----BEGIN PRIVATE KEY-----')).toBeUndefined();
  });

  test('finds nothing in what is harmless', () => {
    expect(search.find(`key ${SECRET.slice(0, -1)}`)).toBeUndefined();
    expect(search.find('[redacted]')).toBeUndefined();
    expect(new SecretSearch([]).find(SECRET)).toBeUndefined();
  });
});

describe('printed', () => {
  test('shows hidden members, causes, maps, and what toJSON() and util.inspect.custom say', () => {
    const values: unknown[] = [
      Object.defineProperty({}, 'hidden', { value: SECRET }),
      new Error('outer', { cause: new Error('inner', { cause: SECRET }) }),
      Object.assign(new Error('failed'), { details: { headers: [SECRET] } }),
      new Map([[{ deep: { deeper: { deepest: { down: SECRET } } } }, 1]]),
      { toJSON: () => SECRET },
      { [inspect.custom]: () => SECRET },
      { toString: () => SECRET },
      Buffer.from('x'.repeat(200) + SECRET),
    ];
    for (const value of values) expect(search.find(printed(value))).toBeDefined();
  });

  test('takes what cannot be made into JSON or text', () => {
    const circular: Record<string, unknown> = { big: 1n };
    circular['self'] = circular;
    for (const value of [circular, Object.create(null), undefined, Symbol('s'), () => 1]) expect(search.find(printed(value))).toBeUndefined();
  });

  test('does not show what is private', () => {
    class Private {
      readonly #key = SECRET;
      reveal(): string {
        return this.#key;
      }
    }
    expect(search.find(printed(new Private()))).toBeUndefined();
  });
});
