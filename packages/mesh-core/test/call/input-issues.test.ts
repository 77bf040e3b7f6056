import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inputIssues } from '../../src/call/input-issues.js';

describe('issues for a caller', () => {
  test('are paths and messages, and nothing else that a library puts there', () => {
    expect(inputIssues([{ path: ['a', 0], message: 'no', input: 'hunter2', received: 'hunter2' }, { message: 'nor this' }], 2, {})).toEqual({
      issues: [{ path: 'a[0]', message: 'no' }, { path: '', message: 'nor this' }],
    });
  });

  test.each([
    ['valibot', 'Invalid type: Expected number but received "hunter2"', 'Invalid type: Expected number but received "…"'],
    ['arktype', 'password must be at least length 8 (was hunter2)', 'password must be at least length 8 (was …)'],
    ['single quotes', "got 'hunter2'", "got '…'"],
  ])('lose the value that %s quotes', (_library, message, text) => {
    for (const segment of ['password', { key: 'password' }]) expect(inputIssues([{ path: ['user', segment], message }], 1, { user: { password: 'hunter2' } }).issues[0]?.message).toBe(text);
  });

  test('also short ones in quotes, and numbers; nothing is looked up that is not the value’s own', () => {
    expect(inputIssues([{ path: [0], message: 'received "a", expected "b"' }], 1, ['a']).issues[0]?.message).toBe('received "…", expected "b"');
    expect(inputIssues([{ path: ['card'], message: 'must be a string (was 4111111111111111)' }], 1, { card: 4_111_111_111_111_111 }).issues[0]?.message).toBe('must be a string (was …)');
    expect(inputIssues([{ path: ['__proto__', 'constructor', 'name'], message: 'not an Object' }], 1, {}).issues[0]?.message).toBe('not an Object');
  });

  test.each<[string, unknown]>([
    ['null', null],
    ['a text', 'wrong'],
    ['no message', { path: ['a'] }],
    ['a message that is no text', { message: { toString: () => 'hunter2' } }],
    ['getters that throw', { get message(): string { throw new Error('hostile'); } }],
    ['a proxy that throws', new Proxy({}, { get: () => { throw new Error('hostile'); } })],
  ])('are unreadable: %s', (_what, issue) => {
    expect(inputIssues([issue], 1, {}).issues).toEqual([{ path: expect.any(String), message: 'invalid' }]);
  });

  test('fit into what crosses the wire, however many and long, and say how many are left out', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom('\u0000'.repeat(2_000), '😀'.repeat(2_000), '"'.repeat(2_000)));
    fc.assert(
      fc.property(fc.array(fc.record({ message: text, path: fc.array(text, { maxLength: 4 }) }), { maxLength: 40 }), fc.nat(1_000_000), (issues, more) => {
        const details = inputIssues(issues, issues.length + more, {});
        expect(Buffer.byteLength(JSON.stringify(details))).toBeLessThanOrEqual(4_096);
        expect(details.issues.length + (details.omitted ?? 0)).toBe(issues.length + more);
        expect('omitted' in details).toBe(details.issues.length < issues.length + more);
        if (issues.length > 0) expect(details.issues.length).toBeGreaterThan(0);
      }),
    );
  });
});
