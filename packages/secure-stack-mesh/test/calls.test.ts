import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { HandlerContext } from '@lemur-bookstores/mesh-core';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** A service that answers well and badly, and a caller. */
async function services() {
  const payments = await bed.running({ serviceId: 'payments' });
  const { mesh } = payments;
  const contexts: HandlerContext[] = [];
  mesh.handle('echo', (input) => input);
  mesh.handle('context', (_input, context) => {
    contexts.push(context);
    const { method, peer, metadata, trace } = context;
    return { method, peer: peer.id, metadata, trace };
  });
  mesh.handle('throw', () => {
    throw new Error('the database password is hunter2');
  });
  mesh.handle('throwNothing', () => {
    throw undefined;
  });
  mesh.handle('refuse', () => {
    throw new MeshError('card_declined', 'the bank said no', { code: 'FAILED_PRECONDITION', details: { bank: 7 }, retryAfterMs: 5, cause: new Error('secret cause') });
  });
  mesh.handle('never', (_input, context) => {
    contexts.push(context);
    return new Promise(() => {});
  });
  mesh.handle('function', () => () => 1);
  mesh.handle('circular', () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    return circle;
  });
  mesh.handle('large', () => 'x'.repeat(5 * 1024 * 1024));
  const orders = await bed.running({ serviceId: 'orders' });
  return { payments, orders, client: orders.mesh.connect('payments'), contexts };
}

const errorOf = (call: Promise<unknown>): Promise<unknown> => call.then(() => undefined, (error: unknown) => error);

const circle: { self?: unknown } = {};
circle.self = circle;

describe('what goes wrong in a call is an error of that call alone', () => {
  const bad: readonly [string, string, unknown, object | undefined, object][] = [
    ['a handler that throws', 'throw', {}, undefined, { code: 'INTERNAL', reason: 'handler_failed', message: 'handler_failed: the handler failed', details: undefined, mayHaveRun: true }],
    ['a handler that throws nothing', 'throwNothing', {}, undefined, { code: 'INTERNAL', reason: 'handler_failed' }],
    [
      'a handler that refuses',
      'refuse',
      {},
      undefined,
      { code: 'FAILED_PRECONDITION', reason: 'card_declined', message: 'card_declined: the bank said no', details: { bank: 7 }, retryAfterMs: 5, mayHaveRun: true },
    ],
    ['a handler that never answers', 'never', {}, { timeoutMs: 100 }, { code: 'DEADLINE_EXCEEDED', reason: 'deadline_exceeded', mayHaveRun: true }],
    ['a result that is no JSON', 'function', {}, undefined, { code: 'INTERNAL', reason: 'result_invalid', mayHaveRun: true }],
    ['a result with a circle', 'circular', {}, undefined, { code: 'INTERNAL', reason: 'result_invalid', mayHaveRun: true }],
    ['a result over the cap', 'large', {}, undefined, { code: 'RESOURCE_EXHAUSTED', reason: 'body_too_large', mayHaveRun: true }],
    ['an unknown method', 'nothing', {}, undefined, { code: 'UNIMPLEMENTED', reason: 'unknown_method', mayHaveRun: false }],
    ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype'].map(
      (name): [string, string, unknown, undefined, object] => [`the method ${name}`, name, {}, undefined, { code: 'UNIMPLEMENTED', reason: 'unknown_method', mayHaveRun: false }],
    ),
    ['a method without a name', '', {}, undefined, { reason: 'body_invalid', mayHaveRun: false }],
    ['a method with too long a name', 'm'.repeat(256), {}, undefined, { reason: 'body_invalid', mayHaveRun: false }],
    ['an input with a circle', 'echo', circle, undefined, { code: 'INVALID_ARGUMENT', reason: 'body_invalid', mayHaveRun: false }],
    ['an input that is a bigint', 'echo', 1n, undefined, { code: 'INVALID_ARGUMENT', reason: 'body_invalid', mayHaveRun: false }],
    ['an input that is a function', 'echo', () => 1, undefined, { code: 'INVALID_ARGUMENT', reason: 'body_invalid', mayHaveRun: false }],
    ['an input over the cap', 'echo', 'x'.repeat(5 * 1024 * 1024), undefined, { code: 'RESOURCE_EXHAUSTED', reason: 'body_too_large', mayHaveRun: false }],
    ['metadata that is no text', 'echo', {}, { metadata: { attempt: 1 } }, { reason: 'body_invalid', mayHaveRun: false }],
    ['a trace that is none', 'echo', {}, { trace: { traceId: 'abc', spanId: 'def' } }, { reason: 'body_invalid', mayHaveRun: false }],
    ['a deadline of 0', 'echo', {}, { timeoutMs: 0 }, { reason: 'invalid_option', mayHaveRun: false }],
    ['a deadline that is no number', 'echo', {}, { timeoutMs: Number.NaN }, { reason: 'invalid_option', mayHaveRun: false }],
    ['a call that was cancelled before', 'echo', {}, { signal: AbortSignal.abort() }, { code: 'CANCELLED', reason: 'cancelled', mayHaveRun: false }],
  ];
  test.each(bad)('%s', async (_name, method, input, options, expected) => {
    const { orders, payments, client } = await services();
    await client.call('echo', 'before');
    const error = await errorOf(client.call(method, input, options));
    expect(error).toBeInstanceOf(MeshError);
    expect(error).toMatchObject(expected);
    expect(`${JSON.stringify(error)} ${String((error as MeshError).cause)}`).not.toMatch(/hunter2|secret cause/);

    // The process and the connection live on.
    expect(await client.call('echo', 'after')).toBe('after');
    for (const { mesh, audit } of [orders, payments]) {
      expect(audit.having('connection.open')).toHaveLength(1);
      expect(mesh.getStats().sessions.activeSessions).toBe(1);
    }
  });

  test('an input that parses, but is nested too deep to be printed again', async () => {
    const { client } = await services();
    const deep = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown;
    expect(await client.call('echo', deep(400))).toEqual(deep(400));
    await expect(client.call('echo', deep(2_000))).rejects.toMatchObject({ reason: 'body_invalid' });
    expect(await client.call('echo', 1)).toBe(1);
  });

  test('a peer\'s keys are keys: nothing of them reaches a prototype', async () => {
    const { client } = await services();
    const sent = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
    const received = await client.call('echo', JSON.parse(sent));
    expect(JSON.stringify(received)).toBe(sent);
    const { metadata } = (await client.call('context', {}, { metadata: JSON.parse('{"__proto__":"x"}') as Record<string, string> })) as { metadata: object };
    expect(JSON.stringify(metadata)).toBe('{"__proto__":"x"}');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('what a call carries', () => {
  test.each([
    ['an object', { a: [1, 'zwei', null, { b: true }] }],
    ['text beyond ASCII', 'Ελληνικά, 漢字, 🐒, \u0000'],
    ['a number', -1.5e300],
    ['null', null],
    ['nothing', undefined],
    ['an empty text', ''],
    ['3 MiB of text, in fragments', 'ü'.repeat(1_500_000)],
  ])('%s', async (_name, value) => {
    const { client } = await services();
    expect(await client.call('echo', value)).toEqual(value);
  });

  test.each([0, 1, 65_536, 262_144, 3_000_000])('%d bytes, as they are', async (length) => {
    const { client } = await services();
    const bytes = Buffer.alloc(length, 'mesh');
    const answer = await client.call('echo', bytes);
    expect(answer).toBeInstanceOf(Uint8Array);
    expect(bytes.equals(answer as Uint8Array)).toBe(true);
  });

  test('metadata and trace, from end to end and into the audit trail of both', async () => {
    const { orders, payments, client } = await services();
    const trace = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
    expect(await client.call('context', {}, { metadata: { tenant: 'Ψ-tenant', priority: 'high' }, trace })).toEqual({
      method: 'context',
      peer: expect.stringMatching(/^spiffe:\/\/local-[0-9a-f]{16}\/orders$/),
      metadata: { tenant: 'Ψ-tenant', priority: 'high' },
      trace,
    });
    expect((await orders.audit.waitFor('message.sent')).trace).toEqual(trace);
    expect((await payments.audit.waitFor('message.received')).trace).toEqual(trace);
    expect(await client.call('context', {})).toMatchObject({ metadata: {} });
  });

  test('its deadline: the handler knows what is left of it', async () => {
    const { client, contexts } = await services();
    await client.call('context', {}, { timeoutMs: 10_000 });
    const [context] = contexts as [HandlerContext];
    expect(context.deadline).toBeGreaterThan(Date.now() + 5_000);
    expect(context.deadline).toBeLessThanOrEqual(Date.now() + 10_100);
    expect(context.remainingMs).toBeGreaterThan(5_000);
    expect(context.remainingMs).toBeLessThanOrEqual(10_000);
  });

  test('its cancellation, and its deadline: both reach the handler', async () => {
    const { client, contexts } = await services();
    const controller = new AbortController();
    const cancelled = errorOf(client.call('never', {}, { signal: controller.signal }));
    const late = errorOf(client.call('never', {}, { timeoutMs: 100 }));
    await until('both run', () => contexts.length === 2);
    const signals = contexts.map(({ signal }) => signal);
    controller.abort(new Error('the user left'));
    expect(await cancelled).toMatchObject({ code: 'CANCELLED', reason: 'cancelled', cause: expect.objectContaining({ message: 'the user left' }), mayHaveRun: true });
    expect(await late).toMatchObject({ reason: 'deadline_exceeded' });
    await until('both handlers are told', () => signals.every(({ aborted }) => aborted));
  });

  test('a thousand at once on one connection, each its own answer', async () => {
    const { orders, client } = await services();
    const answers = await Promise.all(Array.from({ length: 1_000 }, (_, i) => client.call('echo', { i })));
    expect(answers).toEqual(Array.from({ length: 1_000 }, (_, i) => ({ i })));
    expect(orders.audit.having('connection.open')).toHaveLength(1);
    expect(orders.mesh.getStats()).toMatchObject({ sessions: { activeSessions: 1 }, connectedServices: ['payments'], metrics: { messagesSent: 1_000, messagesFailed: 0 } });
    expect(orders.mesh.getStats().metrics.averageLatency).toBeGreaterThan(0);
  });
});

test('the method health is answered by every mesh, and never by a handler', async () => {
  const { client } = await services();
  expect(await client.call('health', {})).toEqual({ service: 'payments', status: 'healthy' });
});
