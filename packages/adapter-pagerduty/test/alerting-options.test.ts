import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { AlertingAdapter } from '../src/alerting-adapter.js';
import { completeAlertingOptions } from '../src/alerting-options.js';
import { PagerDutyAdapter } from '../src/index.js';
import { CONTRACT_KEY } from './support/pager-duty.js';

const problemsOf = (options: unknown): readonly string[] => {
  try {
    new AlertingAdapter(options as never);
  } catch (error) {
    return ((error as { details: { problems: string[] } }).details).problems;
  }
  return [];
};

test('the guide\'s form is complete: every rule is on', () => {
  const { rules, environment, url, takesChanges } = completeAlertingOptions({ integrationKey: CONTRACT_KEY });
  expect(Object.keys(rules)).toEqual(['errorBurst', 'breakerOpen', 'rateLimited', 'rotationFailed', 'rotationOverdue', 'auditLoss', 'health']);
  expect(rules.errorBurst).toMatchObject({ severity: undefined, count: 5, windowMs: 60_000, calmMs: 300_000, lasting: false });
  expect(Object.entries(rules).filter(([, { lasting }]) => lasting).map(([rule]) => rule)).toEqual(['rotationOverdue', 'health']);
  expect({ environment, url: String(url), takesChanges }).toEqual({ environment: 'production', url: 'https://events.pagerduty.com/', takesChanges: true });
  expect(PagerDutyAdapter).toBe(AlertingAdapter);
});

test('all that is wrong is said at once, by path; the key is in none of it', () => {
  const problems = problemsOf({
    integrationKey: 'not-a-key-of-32-characters', environment: '', instance: 'x'.repeat(65), url: 'http://events.pagerduty.com', ca: 'no certificate', agent: 1, clock: {}, logger: 1, colour: 'red',
    rules: { errorBurst: { count: 0, windowMs: 999, calmMs: 1.5, severity: 'fatal', more: 1, runbook: 'javascript:alert(1)' }, breakerOpen: true, rateLimited: null, other: {} },
  });
  expect(problems.map((problem) => problem.slice(0, problem.indexOf(':')))).toEqual([
    'colour', 'integrationKey', 'url', 'rules.other', 'rules.errorBurst.more', 'rules.errorBurst.severity', 'rules.errorBurst.count', 'rules.errorBurst.windowMs', 'rules.errorBurst.calmMs', 'rules.errorBurst.runbook', 'rules.breakerOpen',
    'rules.rateLimited', 'environment', 'instance', 'agent', 'ca', 'clock', 'logger',
  ]);
  expect(problems.join()).not.toContain('not-a-key');
});

test('the runbook of each rule is a page of this repository; another one takes its place', () => {
  const links = Object.values(completeAlertingOptions({ integrationKey: CONTRACT_KEY }).rules).map(({ runbook }) => runbook);
  for (const link of links) {
    const [, page = '', section] = /^https:\/\/github\.com\/lemur-bookstores\/secure-stack-mesh\/blob\/main\/(docs\/[\w/-]+\.md)(?:#([\w-]+))?$/.exec(link) ?? [];
    const headings = [...readFileSync(new URL(`../../../${page}`, import.meta.url), 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading?.toLowerCase().replaceAll(' ', '-'));
    if (section !== undefined) expect(headings).toContain(section);
  }
  const { rules } = completeAlertingOptions({ integrationKey: CONTRACT_KEY, rules: { health: { runbook: 'https://wiki.example/mesh#health' } } });
  expect(rules.health).toMatchObject({ runbook: 'https://wiki.example/mesh#health', lasting: true });
  for (const runbook of ['wiki.example', 'ftp://wiki.example', `https://wiki.example/${'x'.repeat(2_048)}`, 1]) expect(problemsOf({ integrationKey: CONTRACT_KEY, rules: { health: { runbook } } })).toHaveLength(1);
});

test('a key that is missing names the option', () => {
  for (const integrationKey of [undefined, '']) expect(problemsOf({ integrationKey })).toEqual([expect.stringMatching(/^integrationKey: is missing/)]);
  for (const nothing of [undefined, null, 1, []]) expect(problemsOf(nothing)).not.toEqual([]);
});

test('the key is sent in the clear to this machine alone', () => {
  expect(problemsOf({ integrationKey: CONTRACT_KEY, url: 'http://127.0.0.1:8080' })).toEqual([]);
  expect(problemsOf({ integrationKey: CONTRACT_KEY, url: 'https://user:password@events.pagerduty.com' })).toHaveLength(1);
});

test('however it is printed, the key is not shown', () => {
  const adapter = new AlertingAdapter({ integrationKey: CONTRACT_KEY });
  for (const text of [inspect(adapter, { depth: 10, showHidden: true }), JSON.stringify(adapter), inspect(completeAlertingOptions({ integrationKey: CONTRACT_KEY }), { depth: 5 })]) expect(text).not.toContain(CONTRACT_KEY);
});
