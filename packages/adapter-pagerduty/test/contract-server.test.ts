import { expect, test } from '@jest/globals';
import { CONTRACT_KEY, pagerDutyEvents } from './support/pager-duty.js';

const trigger = (more: object = {}, payload: object = {}): string =>
  JSON.stringify({ routing_key: CONTRACT_KEY, event_action: 'trigger', dedup_key: 'k', payload: { summary: 's', source: 'h', severity: 'error', timestamp: '2026-01-01T00:00:00.000Z', ...payload }, ...more });
const post = (events: ReturnType<typeof pagerDutyEvents>, body: string, path = '/v2/enqueue') => events.answer('POST', path, body);

test('what is as documented is taken', () => {
  const events = pagerDutyEvents();
  expect(post(events, trigger())).toEqual({ status: 202, body: { status: 'success', message: 'Event processed', dedup_key: 'k' } });
  expect(post(events, trigger({ dedup_key: undefined })).body['dedup_key']).toMatch(/^[0-9a-f]{32}$/);
  expect(post(events, JSON.stringify({ routing_key: CONTRACT_KEY, event_action: 'resolve', dedup_key: 'k' })).status).toBe(202);
});

for (const [name, body, error] of [
  ['no JSON', '{', 'body is not a valid JSON object'],
  ['no key', trigger({ routing_key: undefined }), "'routing_key' is missing or blank"],
  ['a short key', trigger({ routing_key: 'abc' }), "Length of 'routing_key' is incorrect (should be 32 characters)"],
  ['an unknown key', trigger({ routing_key: 'f'.repeat(32) }), 'Invalid routing key'],
  ['another action', trigger({ event_action: 'open' }), "'event_action' is invalid (must be one of trigger, acknowledge, resolve)"],
  ['a long dedup key', trigger({ dedup_key: 'x'.repeat(256) }), "'dedup_key' is invalid (must be a string of at most 255 characters)"],
  ['no summary', trigger({}, { summary: '' }), "'payload.summary' is missing or blank"],
  ['a long summary', trigger({}, { summary: 'x'.repeat(1_025) }), "'payload.summary' is too long (maximum is 1024 characters)"],
  ['no source', trigger({}, { source: undefined }), "'payload.source' is missing or blank"],
  ['another severity', trigger({}, { severity: 'fatal' }), "'payload.severity' is invalid (must be one of critical, error, warning, info)"],
  ['another time', trigger({}, { timestamp: 'yesterday' }), "'payload.timestamp' is invalid (must be ISO 8601)"],
  ['links that are none', trigger({ links: ['https://wiki.example'] }), "'links' is invalid (must be a list of objects with href and text)"],
  ['a resolve without key', JSON.stringify({ routing_key: CONTRACT_KEY, event_action: 'resolve' }), "'dedup_key' is missing or blank"],
] as const) {
  test(`${name}: 400 that says so`, () => {
    const events = pagerDutyEvents();
    expect(post(events, body)).toEqual({ status: 400, body: { status: 'invalid event', message: 'Event object is invalid', errors: [error] } });
    expect(events.open).toEqual([]);
  });
}

test('alerts: a trigger adds to the open one, opens another after its end; a resolve without one is dropped', () => {
  const events = pagerDutyEvents();
  const resolve = JSON.stringify({ routing_key: CONTRACT_KEY, event_action: 'resolve', dedup_key: 'k' });
  for (const body of [resolve, trigger(), trigger(), resolve, resolve, trigger()]) post(events, body);
  expect(events.alerts.get('k')).toMatchObject({ status: 'open', opened: 2, triggers: 3, resolves: 1 });
  expect(events.counts).toMatchObject({ triggers: 3, deduplicated: 1, resolves: 3, droppedResolves: 2 });
});

test('120 calls within any 60 s; the next gets 429', () => {
  let now = 0;
  const events = pagerDutyEvents({ now: () => now });
  for (let call = 0; call < 120; call++) expect(post(events, trigger()).status).toBe(202);
  now = 59_999;
  expect(post(events, trigger())).toMatchObject({ status: 429, body: { status: 'throttle exceeded' } });
  now = 60_000;
  expect(post(events, trigger()).status).toBe(202);
});

test('change events are taken, but not on a key of a ruleset; too much, another path, another method', () => {
  const ruleset = `R${CONTRACT_KEY.slice(1)}`;
  const events = pagerDutyEvents({ keys: [CONTRACT_KEY, ruleset] });
  const change = (routing_key: string): string => JSON.stringify({ routing_key, payload: { summary: 'rotated' } });
  expect(post(events, change(CONTRACT_KEY), '/v2/change/enqueue')).toEqual({ status: 202, body: { status: 'success', message: 'Change event processed' } });
  expect(post(events, change(ruleset), '/v2/change/enqueue').status).toBe(400);
  expect(post(events, trigger({}, { custom_details: { text: 'x'.repeat(512 * 1_024) } })).status).toBe(413);
  expect(post(events, trigger(), '/v1/enqueue').status).toBe(404);
  expect(events.answer('GET', '/v2/enqueue', '').status).toBe(405);
});
