import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type StandardSchema } from '@lemur-bookstores/mesh-interface';
import type { MeshClient } from '../../src/call/mesh-client.js';
import { checksOf } from '../../src/call/handler-schemas.js';
import type { RunningCall } from '../../src/call/handlers.js';
import { ValidatedHandler } from '../../src/call/validated-handler.js';
import type { MeshNode } from '../../src/mesh-node.js';
import { HoldingAudit } from '../support/holding-audit.js';
import { RecordingAudit, RecordingLogger, TestMesh } from '../support/nodes.js';
import { rejection, turns } from '../support/wire.js';

let mesh: TestMesh;
let clock: FakeClock;
let server: MeshNode;
let calls: MeshClient;
let logger: RecordingLogger;
let audit: RecordingAudit;
let runs: unknown[];

beforeEach(async () => {
  [clock, logger, audit, runs] = [new FakeClock(), new RecordingLogger(), new RecordingAudit(), []];
  mesh = new TestMesh({ clock });
  server = await mesh.started('server', { logger, audit });
  const client = await mesh.started('client');
  calls = client.connect('server');
  while (client.snapshot().sessions.outbound === 0) await turns();
});
afterEach(async () => {
  const stopped = mesh.stop();
  await turns(10);
  await clock.advance(30_000);
  await stopped;
});

/** A schema that does what a test says. */
const schema = (validate: (value: never) => unknown): StandardSchema => ({ '~standard': { version: 1, vendor: 'test', validate: validate as never } });
const even = schema((value: number) => (value % 2 === 0 ? { value: value * 10 } : { issues: [{ message: 'not even', path: ['n'] }] }));
const evenLate = schema(async (value: number) => (await Promise.resolve(), even['~standard'].validate(value)));
const run = (input: unknown): unknown => (runs.push(input), input);

describe.each([['at once', even], ['late', evenLate]])('a schema of the input that answers %s', (_when, input) => {
  test('gives the handler what it made of the input', async () => {
    server.handle('pay', { input }, run);
    expect([await calls.call('pay', 2), runs]).toEqual([20, [20]]);
  });

  test('keeps the handler from running; the caller learns why, the trail only that', async () => {
    server.handle('pay', { input }, run);
    expect(await rejection(calls.call('pay', 3))).toMatchObject({
      code: 'INVALID_ARGUMENT', reason: 'input_invalid', text: "the input of 'pay' does not fit its schema in one place", mayHaveRun: false, retryable: false,
      details: { issues: [{ path: 'n', message: 'not even' }] },
    });
    expect([runs, logger.lines]).toEqual([[], []]);
    expect(server.snapshot().calls).toEqual([expect.objectContaining({ method: 'pay', started: 1, ended: { OK: 0, INVALID_ARGUMENT: 1 } })]);
    const failed = audit.events.filter(({ details }) => details.action === 'message.failed');
    expect(failed.map(({ details }) => details.metadata)).toEqual([{ direction: 'inbound', method: 'pay', code: 'INVALID_ARGUMENT', reason: 'input_invalid' }]);
    expect(JSON.stringify(failed)).not.toContain('not even');
    expect(audit.actions()).not.toContain('auth.denied');
  });

  test('checks what interceptors made of it, and they see what it came to', async () => {
    server.handle('pay', { input }, run);
    const seen: unknown[] = [];
    server.use(async (call, next) => {
      seen.push(call.input);
      try {
        return await next({ ...call, input: (call.input as number) + 1 });
      } catch (error) {
        seen.push(MeshError.from(error).reason);
        throw error;
      }
    });
    expect(await rejection(calls.call('pay', 2))).toMatchObject({ reason: 'input_invalid', mayHaveRun: false });
    expect([await calls.call('pay', 3), seen, runs]).toEqual([40, [2, 'input_invalid', 3], [40]]);
  });

  test('an interceptor that makes another error of it does not lose the proof', async () => {
    server.handle('pay', { input }, run);
    server.use((call, next) => next(call).catch(() => Promise.reject(new MeshError('unexpected', 'mapped'))));
    expect(await rejection(calls.call('pay', 3))).toMatchObject({ text: 'mapped', mayHaveRun: false });
  });

  test('once the handler has run there is no proof, whatever fails afterwards', async () => {
    server.handle('pay', { input }, run);
    server.use(async (call, next) => (await next(call), next({ ...call, input: 3 })));
    expect(await rejection(calls.call('pay', 2))).toMatchObject({ reason: 'input_invalid', mayHaveRun: true });
    expect(runs).toEqual([20]);
  });
});

describe('what there is to check', () => {
  test('bytes are checked as they are', async () => {
    server.handle('pay', { input: schema((value) => ((value as unknown) instanceof Uint8Array ? { value } : { issues: [{ message: 'bytes, please' }] })) }, run);
    expect(await calls.call('pay', Uint8Array.of(1, 2))).toEqual(Buffer.of(1, 2));
    expect(await rejection(calls.call('pay', [1, 2]))).toMatchObject({ reason: 'input_invalid', details: { issues: [{ path: '', message: 'bytes, please' }] } });
  });

  test('nothing is a value, too', async () => {
    server.handle('pay', { input: schema((value) => ({ value: typeof value })) }, run);
    expect(await calls.call('pay', undefined)).toBe('undefined');
  });

  test('what a peer put into `__proto__` stays there', async () => {
    server.handle('pay', { input: schema((value) => ({ value })) }, (input: unknown) => Object.keys(input as object));
    expect(await calls.call('pay', JSON.parse('{"__proto__":{"polluted":1},"a":1}'))).toEqual(['__proto__', 'a']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('a thousand issues are some, and a number', async () => {
    server.handle('pay', { input: schema(() => ({ issues: Array.from({ length: 1_000 }, (_, index) => ({ message: 'm'.repeat(100), path: ['items', index] })) })) }, run);
    const { text, details } = await rejection(calls.call('pay', 1));
    const { issues, omitted } = details as { issues: unknown[]; omitted: number };
    expect([text, issues[0]]).toEqual(["the input of 'pay' does not fit its schema: 1000 issues", { path: 'items[0]', message: 'm'.repeat(100) }]);
    expect(issues.length).toBeGreaterThan(20);
    expect(issues.length + omitted).toBe(1_000);
  });

  test('issues without one are no consent', async () => {
    server.handle('pay', { input: schema((value) => ({ value, issues: [] })) }, run);
    expect([await rejection(calls.call('pay', 1)), runs]).toMatchObject([{ reason: 'input_invalid', mayHaveRun: false, details: { issues: [] } }, []]);
  });
});

const broken: readonly [string, () => unknown][] = [
  ['throws', () => { throw new Error('hunter2'); }],
  ['throws nothing', () => { throw undefined; }],
  ['throws a MeshError', () => { throw new MeshError('permission_denied', 'hunter2'); }],
  ['rejects', () => Promise.reject(new Error('hunter2'))],
  ['answers nothing', () => undefined],
  ['answers null', () => null],
  ['answers true', () => true],
  ['answers an empty object', () => ({})],
  ['answers issues that are a text', () => ({ value: 1, issues: 'none' })],
  ['answers issues that are null', () => ({ value: 1, issues: null })],
  ['answers a promise of nothing', () => Promise.resolve()],
  ['answers an object that throws', () => new Proxy({}, { get: () => { throw new Error('hunter2'); } })],
  ['answers a thenable that throws', () => ({ then: () => { throw new Error('hunter2'); } })],
];

describe.each(broken)('a schema that %s', (_what, validate) => {
  test('of the input: the handler does not run, the caller learns no more than that', async () => {
    server.handle('pay', { input: schema(validate) }, run);
    const error = await rejection(calls.call('pay', 1));
    expect(error).toMatchObject({ code: 'INTERNAL', reason: 'handler_failed', text: 'the input could not be checked', details: undefined, mayHaveRun: false });
    expect([runs, logger.lines, audit.actions().includes('auth.denied')]).toEqual([[], ["the schema of the input of 'pay' is broken"], false]);
    expect(await calls.call('health')).toBeDefined();
  });

  test('of the result: the handler has run', async () => {
    server.handle('pay', { output: schema(validate) }, run);
    expect(await rejection(calls.call('pay', 1))).toMatchObject({ code: 'INTERNAL', reason: 'handler_failed', text: 'the result could not be checked', details: undefined, mayHaveRun: true });
    expect([runs, logger.lines]).toEqual([[1], ["the schema of the result of 'pay' is broken"]]);
  });
});

test('a thenable of the schema’s own is waited for, and what it says twice counts once', async () => {
  server.handle('pay', { input: schema((value) => ({ then: (done: (result: unknown) => void) => (done({ value: [value] }), done({ value: 'again' }), undefined) })) }, run);
  expect([await calls.call('pay', 1), runs]).toEqual([[1], [[1]]]);
});

describe('a schema that never answers', () => {
  test.each([['input'], ['output']])('of the %s: the call ends with its deadline', async (which) => {
    server.handle('pay', { [which]: schema(() => new Promise(() => {})) }, run);
    const call = rejection(calls.call('pay', 1, { timeoutMs: 500 }));
    await turns(5);
    await clock.advance(600);
    expect(await call).toMatchObject({ reason: 'deadline_exceeded' });
    expect(runs).toEqual(which === 'input' ? [] : [1]);
  });

  test('or too late: the handler does not run any more', async () => {
    let answer = (): void => {};
    server.handle('pay', { input: schema((value) => new Promise((resolve) => (answer = () => resolve({ value })))) }, run);
    const abort = new AbortController();
    const cancelled = rejection(calls.call('pay', 1, { signal: abort.signal }));
    await turns(5);
    abort.abort();
    expect(await cancelled).toMatchObject({ reason: 'cancelled' });
    await turns(5);
    answer();
    await turns(5);
    expect(runs).toEqual([]);
  });
});

describe('a schema of the result', () => {
  test.each<[string, (input: unknown) => unknown]>([['at once', run], ['late', async (input) => run(input)], ['by a thenable', (input) => ({ then: (done: (value: unknown) => void) => done(run(input)) })]])('gives what is sent, where the handler answers %s', async (_when, handler) => {
    server.handle('now', { output: even }, handler);
    server.handle('late', { output: evenLate }, handler);
    expect([await calls.call('now', 2), await calls.call('late', 4), runs]).toEqual([20, 40, [2, 4]]);
  });

  test.each([['at once', even], ['late', evenLate]])('that does not take it: the caller learns nothing of it (%s)', async (_when, output) => {
    server.handle('pay', { output }, run);
    expect(await rejection(calls.call('pay', 3))).toMatchObject({ code: 'INTERNAL', reason: 'result_invalid', text: 'the result does not fit its schema', details: undefined, mayHaveRun: true });
    expect([runs, logger.lines]).toEqual([[3], ["the result of 'pay' does not fit its schema at n"]]);
  });

  test('what the handler throws is not for it', async () => {
    server.handle('pay', { output: even }, () => Promise.reject(new MeshError('no_money', 'none left', { code: 'FAILED_PRECONDITION' })));
    expect(await rejection(calls.call('pay', 3))).toMatchObject({ reason: 'no_money', mayHaveRun: true });
  });

  test('a promise as the value is not sent: nobody would have checked what comes of it', async () => {
    server.handle('pay', { output: schema(() => ({ value: Promise.resolve('unchecked') })) }, run);
    expect(await rejection(calls.call('pay', 3))).toMatchObject({ reason: 'result_invalid' });
  });
});

test('where the trail comes first, a refused input is accepted, then failed, and answered once the trail has both', async () => {
  const holding = new HoldingAudit(['message'], ['message.accepted', 'message.failed']);
  const strict = await mesh.started('strict', { audit: holding });
  let checks = 0;
  strict.handle('pay', { input: schema(() => (checks++, { issues: [{ message: 'no' }] })) }, run);
  const call = rejection((mesh.nodes[1] as MeshNode).connect('strict').call('pay', 1));
  await holding.reached('message.accepted');
  expect(checks).toBe(0);
  await holding.hold('message.accepted');
  await holding.hold('message.failed');
  expect(await call).toMatchObject({ reason: 'input_invalid', mayHaveRun: false });
  expect([checks, runs]).toEqual([1, []]);
});

test('schemas and a handler that answer at once add no promise', () => {
  const call = { progress: () => true } as unknown as RunningCall;
  const { handle } = new ValidatedHandler('pay', checksOf('pay', { input: even, output: even }), run, logger);
  expect(handle(2, call)).toBe(200);
});
