import { describe, expect, test } from '@jest/globals';
import type { RunningCall } from '../../src/call/handlers.js';
import { healthMethod } from '../../src/call/health-method.js';

const parts = new Map([['audit', 'degraded'], ['crypto', 'healthy']] as const);
const ask = healthMethod('orders', { health: () => 'unhealthy', healthOf: (part) => parts.get(part as 'audit') });
const context = {} as RunningCall;

describe('the method health, as gRPC has it', () => {
  test.each([[{}], [undefined], [null], [{ service: '' }], [{ service: 'orders' }], ['text'], [[]], [new Uint8Array(2)], [{ other: 1 }]])('%p asks for the whole service', (input) => {
    expect(ask(input, context)).toEqual({ service: 'orders', status: 'unhealthy' });
  });

  test('a part by name', () => {
    expect(ask({ service: 'audit' }, context)).toEqual({ service: 'orders', part: 'audit', status: 'degraded' });
    expect(ask({ service: 'crypto' }, context)).toEqual({ service: 'orders', part: 'crypto', status: 'healthy' });
  });

  test.each(['nobody', '__proto__', 'constructor', 'x'.repeat(100_000)])('an unknown name is NOT_FOUND, and not repeated', (service) => {
    expect(() => ask({ service }, context)).toThrow(expect.objectContaining({ code: 'NOT_FOUND', reason: 'unknown_part', text: 'orders has no health check of that name' }));
  });

  test.each([[null], [7], [{}], [['audit']]])('%p is no name', (service) => {
    expect(() => ask({ service }, context)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', reason: 'body_invalid' }));
  });

  test('a node that nobody asked to look is healthy, and has no parts', () => {
    const bare = healthMethod('orders', {});
    expect(bare({}, context)).toEqual({ service: 'orders', status: 'healthy' });
    expect(() => bare({ service: 'audit' }, context)).toThrow(expect.objectContaining({ reason: 'unknown_part' }));
  });
});
