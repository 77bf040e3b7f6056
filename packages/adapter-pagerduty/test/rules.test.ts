import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { AUDIT_ACTIONS, type AuditAction, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { ALERTING_RULES, completeAlertingOptions, PAGER_SEVERITIES } from '../src/alerting-options.js';
import { concernsRule, factOf, lossSignals, rotatedKey, signalsOf } from '../src/rules.js';
import { auditEvent, auditGap, breakerClosed, breakerOpened, errorEvent, healthImpaired, keyOverdue, keyRotated, rateLimited, rotationFailed } from './support/events.js';

const { rules } = completeAlertingOptions({ integrationKey: 'c0ffee00c0ffee00c0ffee00c0ffee00' });
const METADATA = { keyType: 'static', check: '*', status: 'unhealthy', endpoint: 'a:1' };
const eventOf = (action: AuditAction): MeshAuditEvent => auditEvent(AUDIT_ACTIONS[action], { action, metadata: METADATA }, { targetServiceId: 'payments' });

test('of the mesh\'s own events these are about incidents, and each says the same when asked again', () => {
  const concerned = (Object.keys(AUDIT_ACTIONS) as AuditAction[]).filter((action) => concernsRule(eventOf(action), rules));
  expect(concerned).toEqual(['key.rotated', 'key.rotation_failed', 'key.overdue', 'session.failed', 'breaker.opened', 'breaker.closed', 'rate.limited', 'health.impaired', 'health.recovered', 'audit.gap']);
  for (const action of concerned) {
    const event = eventOf(action);
    expect(signalsOf(event, rules)).toEqual(signalsOf(event, rules));
    expect(signalsOf(event, rules).length).toBeGreaterThan(0);
    expect(signalsOf(event, {})).toEqual([]);
  }
});

test('what any stranger can cause pages nobody', () => {
  for (const action of ['auth.failed', 'connection.refused', 'system.admin_refused'] as const) expect(concernsRule(eventOf(action), rules)).toBe(false);
});

test('names that objects have by themselves are no actions', () => {
  for (const action of ['constructor', '__proto__', 'toString']) expect(concernsRule(auditEvent('system', { action }), rules)).toBe(false);
});

test('raises and calms of the same thing have the same target and part', () => {
  const [opened] = signalsOf(breakerOpened('payments', 'a:1'), rules);
  const [closed] = signalsOf(breakerClosed('payments', 'a:1'), rules);
  expect([opened, closed]).toMatchObject([{ level: 'raise', target: 'payments', part: 'a:1' }, { level: 'calm', target: 'payments', part: 'a:1' }]);
  expect(signalsOf(keyRotated('session', 'payments'), rules).map(({ rule, target }) => `${rule} ${target}`)).toEqual(['rotationFailed session:payments']);
  expect(signalsOf(keyRotated('certificate'), rules).map(({ rule, target }) => `${rule} ${target}`)).toEqual(['rotationFailed certificate', 'rotationOverdue certificate']);
});

test('messageCount is how many; what is no count is one', () => {
  for (const [messageCount, weight] of [[912, 912], [0, 1], [-5, 1], [1.5, 1], [NaN, 1], [Infinity, 1]] as const) expect(signalsOf(rateLimited('billing', messageCount), rules)).toMatchObject([{ weight }]);
});

test('of an event little is kept, whatever it is', () => {
  const metadata = { ...Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`n${index}`, 'x'.repeat(1_000_000)])), nested: { secret: 1 } };
  const fact = factOf(errorEvent({ timestamp: new Date(NaN), details: { action: 'a'.repeat(10_000), success: false, error: 'e'.repeat(1_000_000), metadata } }));
  expect(JSON.stringify(fact).length).toBeLessThan(8_000);
  expect(fact.at).toBe(0);
  // Whoever uses the adapter alone may bring what only looks like a time.
  const times = [-1, 8.64e15, 1e20, 'yesterday', 1_700_000_000_000].map((at) => factOf(errorEvent({ timestamp: { getTime: () => at } as Date })).at);
  expect(times).toEqual([0, 0, 0, 0, 1_700_000_000_000]);
});

test('losses are those since the last look, of other adapters', () => {
  const before = new Map<string, number>();
  const lanes = (dropped: number) => [{ adapter: 'file', dropped, deadLettered: 1, lostGaps: 0 }, { adapter: 'pagerduty', dropped: 9, deadLettered: 0, lostGaps: 0 }] as never;
  expect(lossSignals(lanes(2), before, 'orders', rules, 5)).toMatchObject([{ target: 'file', weight: 3, severity: 'critical', fact: { at: 5 } }]);
  expect(lossSignals(lanes(2), before, 'orders', rules, 6)).toEqual([]);
  expect(lossSignals(lanes(4), before, 'orders', rules, 7)).toMatchObject([{ weight: 2 }]);
});

test('change events are of rotations of the own keys that succeeded', () => {
  expect([keyRotated('static'), keyRotated('certificate'), keyRotated('session', 'payments')].map(rotatedKey)).toEqual(['static', 'certificate', undefined]);
});

test('the severities are those that README and docs say', () => {
  const events = [errorEvent(), breakerOpened(), rateLimited(), rotationFailed('static'), rotationFailed('session', 'payments'), keyOverdue('certificate'), keyOverdue('static'), auditGap(), healthImpaired('unhealthy'), healthImpaired('degraded')];
  const signals = events.flatMap((event) => signalsOf(event, rules));
  for (const page of ['packages/adapter-pagerduty/README.md', 'docs/adapters/pagerduty.md', 'docs/operations.md']) {
    const lines = readFileSync(new URL(`../../../${page}`, import.meta.url), 'utf8').split('\n');
    const column = lines.find((line) => /^\| (rule|class|incident) .*\| severity \|/.test(line))!.split('|').findIndex((cell) => cell.trim() === 'severity');
    for (const rule of ALERTING_RULES) {
      const rows = lines.filter((line) => line.startsWith(`| \`${rule}\``) || (line.startsWith('| ') && line.includes(`, \`${rule}\` |`)));
      const said = PAGER_SEVERITIES.filter((severity) => rows.some((row) => row.split('|')[column]?.includes(severity)));
      expect([page, rule, said]).toEqual([page, rule, PAGER_SEVERITIES.filter((severity) => signals.some((signal) => signal.rule === rule && signal.severity === severity))]);
    }
  }
});
