import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { expect, test } from '@jest/globals';
import { OptionCheck } from '@lemur-bookstores/mesh-interface';
import { checkConnection } from '../src/connection-check.js';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

function problemsOf(agent: unknown, ca?: unknown): readonly string[] {
  const check = new OptionCheck();
  checkConnection(check, { agent, ca });
  return check.problems;
}

test.each([undefined, new HttpAgent(), new HttpsAgent(), new HttpsAgent({ rejectUnauthorized: true }), { addRequest: () => undefined }])('agent %#: fits', (agent) => {
  expect(problemsOf(agent)).toEqual([]);
});

test.each([null, {}, 'agent', { addRequest: true }, HttpsAgent])('agent %#: is none', (agent) => {
  expect(problemsOf(agent)).toEqual([expect.stringMatching(/^agent: must be an Agent/)]);
});

test('an agent that does not verify certificates is none', () => {
  expect(problemsOf(new HttpsAgent({ rejectUnauthorized: false }))).toEqual([expect.stringMatching(/^agent: must verify certificates/)]);
});

test('certificates', () => {
  for (const ca of [PEM, [PEM], [PEM, PEM]]) expect(problemsOf(undefined, ca)).toEqual([]);
  for (const ca of [null, '', 'no PEM', [], [PEM, 1], [PEM, '']]) expect(problemsOf(undefined, ca)).toEqual([expect.stringMatching(/^ca: must be certificates in PEM/)]);
});
