import { describe, expect, test } from '@jest/globals';
import { run } from './support/run.js';

describe('a command line that is wrong is exit code 2, with a hint', () => {
  test.each<[string, string[], RegExp]>([
    ['no command', [], /Usage: secure-stack-mesh/],
    ['half a command', ['audit'], /Usage: secure-stack-mesh audit/],
    ['an unknown command', ['audti'], /unknown command 'audti'\n\(Did you mean audit\?\)/],
    ['an unknown command below', ['audit', 'verfy'], /unknown command 'verfy'\n\(Did you mean verify\?\)/],
    ['too many arguments', ['audit', 'verify', 'a', 'b'], /too many arguments/],
    ['control characters', ['\u001b[2J'], /unknown command '\\u001b\[2J'/],
  ])('%s', async (_what, args, message) => {
    expect(await run(args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
  });
});

test.each(['', 'audit', 'audit verify', 'audit query', 'audit tail', 'audit key', 'compliance', 'compliance report', 'compliance verify', 'ca', 'ca init', 'ca issue', 'status', 'health', 'topology', 'keys', 'keys status', 'keys rotate'])("'%s --help' has an example", async (command) => {
  const { code, out, err } = await run([...command.split(' ').filter((word) => word !== ''), '--help']);
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(/Examples?:\n {2}secure-stack-mesh /);
});
