import { expect, test } from '@jest/globals';
import { checkAuditQuery, type AuditQuery } from '../src/audit-query.js';

test('a query with every filter, and one with none, is right', () => {
  for (const query of [{}, { since: undefined }, { since: new Date(0), until: new Date(1), eventType: 'message', serviceId: '', action: 'x', success: false, limit: 0 }] as AuditQuery[]) {
    expect(() => checkAuditQuery(query)).not.toThrow();
  }
});

test('everything that is wrong with a query is said at once, by path', () => {
  const query = { since: new Date(Number.NaN), until: 1, eventType: 'messages', serviceId: 1, action: 1, success: 'yes', limit: -1, service: 'x' } as unknown as AuditQuery;
  expect(() => checkAuditQuery(query)).toThrow(
    expect.objectContaining({ reason: 'invalid_option', details: { problems: ['service', 'since', 'until', 'eventType', 'serviceId', 'action', 'success', 'limit'].map((path) => expect.stringMatching(new RegExp(`^${path}: `))) } }),
  );
});
