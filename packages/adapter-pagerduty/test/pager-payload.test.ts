import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { completeAlertingOptions } from '../src/alerting-options.js';
import { ChangeNote } from '../src/change-note.js';
import { IncidentBook } from '../src/incident-book.js';
import type { Incident } from '../src/incident.js';
import { changeRequest, dedupKeyOf, resolveRequest, triggerRequest, type PagerRequest } from '../src/pager-payload.js';
import { factOf, signalsOf } from '../src/rules.js';
import { auditGap, breakerOpened, errorEvent, healthImpaired, keyOverdue, keyRotated, rateLimited, rotationFailed } from './support/events.js';
import { CONTRACT_KEY, pagerDutyEvents } from './support/pager-duty.js';

const CONTEXT = { environment: 'production', instance: undefined, source: 'host-1' };
const { rules } = completeAlertingOptions({ integrationKey: CONTRACT_KEY });

function incidentOf(...events: MeshAuditEvent[]): Incident {
  const book = new IncidentBook({ rules, environment: 'production', instance: undefined, onForgotten: () => undefined });
  let incident: Incident | undefined;
  for (const event of events) for (const signal of signalsOf(event, rules)) incident = book.apply(signal, 0);
  return incident as Incident;
}

/** With ids and numbers that are the same each time. */
const numbered = (event: MeshAuditEvent, sequence = 1): MeshAuditEvent => ({ ...event, id: `0194aaaa-0000-7000-8000-00000000000${sequence}`, sequence, timestamp: new Date(Date.UTC(2026, 0, 1, 12, 0, sequence)) });

const note = new ChangeNote('orders', 'certificate');
note.add(factOf(numbered(keyRotated('certificate'))));
note.begun();

const REQUESTS: Readonly<Record<string, PagerRequest>> = {
  errorBurst: triggerRequest(incidentOf(numbered(errorEvent({}, 4)), numbered(errorEvent(), 2)), CONTEXT),
  breakerOpen: triggerRequest(incidentOf(numbered(breakerOpened('payments', 'a:1')), numbered(breakerOpened('payments', 'b:1'), 2)), { ...CONTEXT, instance: 'pod-7' }),
  rateLimited: triggerRequest(incidentOf(numbered(rateLimited('billing', 912))), CONTEXT),
  rotationFailed: triggerRequest(incidentOf(numbered(rotationFailed('session', 'payments'))), CONTEXT),
  rotationOverdue: triggerRequest(incidentOf(numbered(keyOverdue('certificate'))), CONTEXT),
  auditLoss: triggerRequest(incidentOf(numbered(auditGap())), CONTEXT),
  health: triggerRequest(incidentOf(numbered(healthImpaired('unhealthy'))), CONTEXT),
  resolve: resolveRequest('mesh/production/orders/breakerOpen/payments'),
  change: changeRequest(note, CONTEXT),
};

for (const [name, request] of Object.entries(REQUESTS)) {
  test(`${name}: as in the golden file, and as the API takes it`, () => {
    const file = new URL(`golden/${name}.json`, import.meta.url);
    // UPDATE_GOLDEN=1 writes them anew: then look at every line of the difference.
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, `${JSON.stringify(request, undefined, 2)}\n`);
    expect(request).toEqual(JSON.parse(readFileSync(file, 'utf8')));
    const path = name === 'change' ? '/v2/change/enqueue' : '/v2/enqueue';
    expect(pagerDutyEvents().answer('POST', path, JSON.stringify({ routing_key: CONTRACT_KEY, ...request })).status).toBe(202);
  });
}

test('hostile and endless texts: bounded, without controls, and still what the API takes', () => {
  const endless = `\u001b[31m\u202e"\\\n\ud83d${'😀'.repeat(300_000)}\ud800`;
  const metadata = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`field-${index}\u0007`, endless]));
  const event = breakerOpened(endless, endless);
  const incident = incidentOf({ ...event, serviceId: endless, details: { ...event.details, error: endless, metadata: { ...metadata, endpoint: endless } } });
  for (let part = 0; part < 999; part++) incident.raise({ level: 'raise', rule: 'breakerOpen', service: 's', part: `${part}${endless.slice(0, 256)}`, adopts: false, severity: 'error', weight: 1, fact: incident.last! }, 0);
  const body = JSON.stringify({ routing_key: CONTRACT_KEY, ...triggerRequest(incident, { environment: endless.slice(0, 64), instance: endless.slice(0, 64), source: endless }) });
  expect(Buffer.byteLength(body)).toBeLessThan(64 * 1_024);
  // eslint-disable-next-line no-control-regex -- that is what is looked for
  expect(body).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
  expect(body).not.toMatch(/\p{Cs}/u);
  expect(pagerDutyEvents().answer('POST', '/v2/enqueue', body).status).toBe(202);
});

test('dedup keys: parts that cannot be taken for others; 255 characters at most, different where what they stand for is', () => {
  expect(dedupKeyOf(['prod', 'orders', 'health', undefined, undefined])).toBe('mesh/prod/orders/health');
  expect(dedupKeyOf(['prod', 'a/b', 'x%2F'])).toBe('mesh/prod/a%2Fb/x%252F');
  const long = ['prod', 'orders', 'breakerOpen', 'x'.repeat(300)];
  const [one, other] = [dedupKeyOf([...long, 'a']), dedupKeyOf([...long, 'b'])];
  expect([one.length, other.length]).toEqual([255, 255]);
  expect(one).not.toBe(other);
  expect(dedupKeyOf([...long, 'a'])).toBe(one);
  expect(dedupKeyOf(['p', '😀'.repeat(200)])).not.toMatch(/\p{Cs}/u);
  expect(dedupKeyOf(['p', '😀'.repeat(200)]).length).toBeLessThanOrEqual(255);
});
