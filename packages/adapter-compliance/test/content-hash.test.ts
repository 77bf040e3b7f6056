import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, contentHash } from '../src/output/content-hash.js';

describe('the content hash', () => {
  test('is the same in whatever order members stand, and another for other contents', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true, e: undefined })).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}');
    fc.assert(fc.property(fc.jsonValue(), (value) => contentHash(JSON.parse(JSON.stringify(value))) === contentHash(value)));
    expect(contentHash({ a: 1 })).not.toBe(contentHash({ a: 2 }));
  });
});
