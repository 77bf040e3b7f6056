import { describe, expect, test } from '@jest/globals';
import { MeshError } from '../src/mesh-error.js';
import { OptionCheck, refuseProblems } from '../src/option-check.js';

describe('each problem is said by its path', () => {
  test('under that of the options, or from the top', () => {
    const [check, top] = [new OptionCheck('resilience.retry'), new OptionCheck()];
    check.whole('maxAttempts', 0, 1, 10);
    check.isObject({ ratio: 1 }, [], 'budget');
    check.isObject(null, []);
    top.isObject({ prot: 1 }, ['port']);
    expect([check.problems, top.problems]).toEqual([
      ['resilience.retry.maxAttempts: must be a whole number from 1 to 10', 'resilience.retry.budget.ratio: is not an option; known here: ', 'resilience.retry: must be an object'],
      ['prot: is not an option; known here: port'],
    ]);
  });

  test('in one error; without any there is none', () => {
    const check = new OptionCheck('p');
    check.throwIfAny();
    check.add('a', 'is wrong');
    check.add('b', 'too');
    let thrown: unknown;
    try {
      check.throwIfAny();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'invalid_option', text: 'p.a: is wrong; p.b: too', details: { problems: ['p.a: is wrong', 'p.b: too'] } });
    expect(() => refuseProblems(['x: y'])).toThrow(MeshError);
    refuseProblems([]);
  });
});

describe('what fits', () => {
  const fits = (check: (it: OptionCheck, value: unknown) => boolean, values: readonly unknown[]): unknown[] => values.filter((value) => check(new OptionCheck(), value));
  const all = [undefined, null, 0, 1, 1.5, 2, 3, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', true, [], {}, () => 1];

  test.each<[string, (it: OptionCheck, value: unknown) => boolean, unknown[]]>([
    ['whole', (it, value) => it.whole('a', value, 1), [undefined, 1, 2, 3]],
    ['whole, up to', (it, value) => it.whole('a', value, 1, 2), [undefined, 1, 2]],
    ['number', (it, value) => it.number('a', value, 0, 2), [undefined, 0, 1, 1.5, 2]],
    ['oneOf', (it, value) => it.oneOf('a', value, ['1', '2']), [undefined, '1']],
    ['boolean', (it, value) => it.boolean('a', value), [undefined, true]],
    ['isObject', (it, value) => it.isObject(value, []), [{}]],
    ['has', (it, value) => it.has('a', value, ['push']), [undefined, []]],
  ])('%s', (_name, check, expected) => {
    expect(fits(check, all)).toEqual(expected);
  });

  test('clock, audit sink, logger, random', () => {
    const check = new OptionCheck();
    check.parts({ clock: { now: () => 0 }, audit: {}, logger: null, random: 0.5 });
    expect(check.problems.map((problem) => problem.split(':')[0])).toEqual(['clock', 'audit', 'logger', 'random']);
    const good = new OptionCheck();
    good.parts({});
    good.parts({ random: () => 0, audit: { record: () => undefined, log: () => undefined } });
    expect(good.problems).toEqual([]);
  });
});
