import { expect, test } from '@jest/globals';
import { timeSpan } from '../src/report/time-span.js';

test.each([[0, '0 s'], [1, '1 ms'], [999, '999 ms'], [1000, '1 s'], [61_001, '1 min 1 s'], [3_600_000, '1 h'], [90_061_000, '1 d 1 h'], [86_400_000 * 400, '400 d']])('%d ms are %s', (ms, text) => expect(timeSpan(ms)).toBe(text));
