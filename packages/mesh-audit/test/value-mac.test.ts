import { inspect } from 'node:util';
import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Redactor } from '../src/redaction.js';
import { maskedValue, ValueMac } from '../src/value-mac.js';

const salt = 'a salt of more than sixteen bytes';

describe('a masked value', () => {
  test('is HMAC-SHA-256 of type and text, cut to 128 bits', () => {
    const mac = createHmac('sha256', salt).update('string\0hunter2').digest().subarray(0, 16).toString('base64url');
    expect(maskedValue('hunter2', salt)).toBe(`hmac-sha256:${mac}`);
    expect(maskedValue('hunter2', Buffer.from(salt))).toBe(`hmac-sha256:${mac}`);
  });

  test('is the same for equal values alone', () => {
    const value = fc.oneof(fc.string(), fc.double(), fc.bigInt(), fc.boolean());
    fc.assert(
      fc.property(value, value, (one, other) => {
        const same = typeof one === typeof other && (Object.is(one, other) || one === other);
        expect(maskedValue(one, salt) === maskedValue(other, salt)).toBe(same);
      }),
    );
    expect(maskedValue(1, salt)).not.toBe(maskedValue('1', salt));
    expect(maskedValue(1n, salt)).not.toBe(maskedValue(1, salt));
  });

  test('is another under another salt', () => {
    expect(maskedValue(4711, salt)).not.toBe(maskedValue(4711, `${salt}!`));
  });

  test('needs a salt of 16 bytes, and a value that has a text', () => {
    for (const short of ['fifteen bytes..', Buffer.alloc(15), undefined as unknown as string]) {
      expect(() => maskedValue('x', short)).toThrow(/salt: must be at least 16 bytes/);
    }
    expect(() => maskedValue({} as unknown as string, salt)).toThrow(/value: must be a text/);
    expect(() => maskedValue('x'.repeat(65_537), salt)).toThrow(/value: must be a text/);
  });

  test('tells its salt to nobody', () => {
    const mac = new ValueMac({ salt });
    for (const shown of [inspect(mac, { depth: Infinity, showHidden: true }), JSON.stringify(mac), String(mac)]) expect(shown).not.toContain('sixteen');
  });
});

describe('redaction with a salt', () => {
  const redactor = new Redactor({ hmac: { salt }, mask: ['card'] });
  const shown = (metadata: Record<string, unknown>): unknown => redactor.redact(metadata).metadata;

  test('keeps masked values comparable, numbers and nested ones too', () => {
    expect(shown({ password: 'hunter2', cardNumber: 4711, user: { pin: 1234, name: 'Ada' }, headers: ['Authorization', 'Bearer x'], tokens: true })).toEqual({
      password: maskedValue('hunter2', salt),
      cardNumber: maskedValue(4711, salt),
      user: { pin: maskedValue(1234, salt), name: 'Ada' },
      headers: ['Authorization', maskedValue('Bearer x', salt)],
      tokens: maskedValue(true, salt),
    });
  });

  test('masks what is no single value as ever, and what throws', () => {
    const hostile = Object.defineProperty({}, 'password', { enumerable: true, get: () => { throw new Error('no'); } });
    expect(shown({ secret: { a: 1 }, token: ['x'], apiKey: null, password: 'x'.repeat(65_537) })).toEqual({ secret: '[redacted]', token: '[redacted]', apiKey: '[redacted]', password: '[redacted]' });
    expect(shown(hostile)).toEqual({ password: '[redacted]' });
  });

  test('leaves what is not masked as it is', () => {
    expect(shown({ method: 'charge', count: 3 })).toEqual({ method: 'charge', count: 3 });
  });
});
