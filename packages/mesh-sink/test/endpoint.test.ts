import { expect, test } from '@jest/globals';
import { OptionCheck } from '@lemur-bookstores/mesh-interface';
import { endpointOf, isPlaintextElsewhere } from '../src/endpoint.js';

const problemOf = (value: unknown, credentials: boolean): string | undefined => {
  const check = new OptionCheck();
  const url = endpointOf(check, 'node', value, { credentials });
  expect(url === undefined).toBe(check.problems.length === 1);
  return check.problems[0];
};

test.each(['https://elastic.example:9243', 'https://elastic.example/behind/a/proxy', 'http://localhost:9200', 'http://127.0.0.1:9200', 'http://127.1', 'http://0x7f.1', 'http://[::1]:9200'])(
  'a credential may be sent to %s',
  (url) => expect(problemOf(url, true)).toBeUndefined(),
);

test.each(['http://elastic.example:9200', 'http://10.0.0.1', 'http://localhost.evil.example', 'http://a.localhost', 'http://127.0.0.1.evil.example', 'http://[::2]', 'http://[::ffff:127.0.0.1]', 'http://0.0.0.0'])('a credential is not sent in the clear to %s', (url) => {
  expect(problemOf(url, true)).toMatch(/^node: must be https: .*in the clear/);
  expect(problemOf(url, false)).toBeUndefined();
  expect(isPlaintextElsewhere(new URL(url))).toBe(true);
});

test.each([undefined, 17, '', 'elastic:9200', 'ftp://elastic', 'file:///etc/passwd', '//elastic', 'https://'])('%p is no address', (value) => {
  expect(problemOf(value, false)).toMatch(/^node: must be a URL/);
});

test('a password in it is a problem that does not show it', () => {
  for (const user of ['elastic:hunter2secret', ':hunter2secret', 'hunter2secret']) {
    const problem = problemOf(`https://${user}@elastic.example`, true);
    expect(problem).toContain('no user and password');
    expect(problem).not.toContain('hunter2secret');
  }
});

test.each(['https://elastic.example?apikey=1', 'https://elastic.example/#here'])('%s has more than a path', (url) => {
  expect(problemOf(url, false)).toContain("must have no '?'");
});
