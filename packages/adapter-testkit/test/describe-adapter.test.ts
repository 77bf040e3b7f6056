import { describe, expect, test } from '@jest/globals';
import * as jest from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { describeAdapter } from '../src/describe-adapter.js';
import { RightAdapter, RightBatchAdapter, RightFullAdapter } from './right/right-adapter.js';
import { BATCHES, FULL, memorySubject, PLAIN } from './right/subjects.js';

const runner = { describe: jest.describe, it: jest.it };

describeAdapter({ name: 'an adapter without batches', runner, ...memorySubject(PLAIN, (sink, key) => new RightAdapter(sink, key)) });
describeAdapter({ name: 'an adapter with batches', runner, ...memorySubject(BATCHES, (sink, key) => new RightBatchAdapter(sink, key)) });
describeAdapter({ name: 'an adapter with everything', runner, ...memorySubject(FULL, (sink, key) => new RightFullAdapter(sink, key)) });

describe('describeAdapter', () => {
  test('a description that makes no sense is refused, with all that is wrong', () => {
    const wrong = { name: '', runner: {}, create: 1, holds: 1, patienceMs: 0, supports: { failures: ['sometimes'] } };
    expect(() => describeAdapter(wrong as never)).toThrow(MeshError);
    expect(() => describeAdapter(wrong as never)).toThrow(/name: .*runner: .*create: .*holds: .*patienceMs: .*supports\.failures: no kind "sometimes"/);
  });
});
