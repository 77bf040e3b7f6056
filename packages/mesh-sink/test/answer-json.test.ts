import { expect, test } from '@jest/globals';
import { jsonIn } from '../src/answer-json.js';

test('an object, and nothing else', () => {
  expect(jsonIn('{"error":{"type":"x"}}')).toEqual({ error: { type: 'x' } });
  for (const text of ['', '<html>', '{"items":[', '[]', '[{"error":1}]', 'null', '17', '"text"', 'true']) expect(jsonIn(text)).toBeUndefined();
});
