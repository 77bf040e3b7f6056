import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type Interceptor } from '@lemur-bookstores/mesh-interface';
import type { HandlerContext } from '../../src/call/handlers.js';
import type { MeshClient } from '../../src/call/mesh-client.js';
import type { MeshNode } from '../../src/mesh-node.js';
import { RecordingAudit, RecordingLogger, TestMesh, type NodeSettings } from '../support/nodes.js';
import { rejection, turns } from '../support/wire.js';

let mesh: TestMesh;
let clock: FakeClock;
let server: MeshNode;
let client: MeshNode;
let calls: MeshClient;
const logger = new RecordingLogger();

/** A server and a client that is connected to it, on a clock that stands still. */
async function connected(settings: NodeSettings = {}): Promise<void> {
  clock = new FakeClock();
  mesh = new TestMesh({ clock, logger, ...settings });
  server = await mesh.started('server');
  client = await mesh.started('client');
  calls = client.connect('server');
  while (client.snapshot().sessions.outbound === 0) await turns();
}

beforeEach(() => connected());
afterEach(async () => {
  const stopped = mesh.stop();
  await turns(10);
  await clock.advance(30_000);
  await stopped;
});

describe('what travels', () => {
  test.each([['text', 'grüße 😀'], ['a number', 1.5], ['null', null], ['false', false], ['an object', { a: [1, { b: null }] }], ['nothing', undefined]])('%s goes there and back', async (_name, value) => {
    server.handle('echo', (input) => input);
    expect(await calls.call('echo', value)).toEqual(value);
  });

  test.each([[0], [10], [100_000], [262_144], [3_000_000]])('%d raw bytes go there and back as they are', async (length) => {
    let seen: unknown;
    server.handle('echo', (input: Uint8Array) => (seen = input));
    const bytes = Buffer.alloc(length, 0xfe);
    const answer = await calls.call('echo', bytes);
    expect(seen).toBeInstanceOf(Uint8Array);
    expect(bytes.equals(answer as Buffer)).toBe(true);
  });

  test('metadata, trace, peer, method and time reach the handler', async () => {
    let context: HandlerContext | undefined;
    server.handle('look', (_input, given) => {
      context = given;
      expect([given.remainingMs, given.deadline]).toEqual([5_000, clock.now() + 5_000]);
    });
    const trace = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
    await calls.call('look', {}, { timeoutMs: 5_000, metadata: { tenant: 't', __proto__: 'x' } as Record<string, string>, trace });
    expect(context).toMatchObject({ method: 'look', peer: { id: 'spiffe://test/client', serviceId: 'client' }, trace });
    expect({ ...context?.metadata }).toEqual({ tenant: 't' });
  });

  test('the method health is there, whatever the service does', async () => {
    expect(await calls.call('health', {})).toEqual({ service: 'server', status: 'healthy' });
  });

  test('handlers may be added after start()', async () => {
    expect((await rejection(calls.call('late', 1))).reason).toBe('unknown_method');
    server.handle('late', () => 'here');
    expect(await calls.call('late', 1)).toBe('here');
  });
});

describe('a codec', () => {
  const codec = { encode: (value: unknown) => Buffer.from(JSON.stringify(value)).reverse(), decode: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).reverse().toString()) as unknown };

  test('takes the place of JSON, not of raw bytes', async () => {
    await connected({ codec });
    server.handle('echo', (input) => input);
    expect(await calls.call('echo', { a: 1 })).toEqual({ a: 1 });
    expect(await calls.call('echo', Buffer.from('raw'))).toEqual(Buffer.from('raw'));
  });

  test('that the other side lacks is body_invalid: not run', async () => {
    await connected();
    server.handle('echo', (input) => input);
    const other = await mesh.started('coded', { codec });
    const error = await rejection(other.connect('server').call('echo', {}));
    expect(error).toMatchObject({ reason: 'body_invalid', mayHaveRun: false });
  });

  test('regression: that gives no bytes fails its call, not the connection', async () => {
    await connected({ codec: { ...codec, encode: () => 7 as unknown as Uint8Array } });
    server.handle('echo', (input) => input);
    server.handle('object', () => ({ a: 1 }));
    expect(await rejection(calls.call('echo', {}))).toMatchObject({ reason: 'body_invalid', mayHaveRun: false });
    expect(await rejection(calls.call('object', undefined))).toMatchObject({ reason: 'result_invalid' });
    expect(client.snapshot().connectionsSuccessful).toBe(1);
  });
});

describe('what the caller does wrong', () => {
  test.each<[string, unknown, string]>([
    ['a function as input', () => 1, 'body_invalid'],
    ['a BigInt as input', { a: 1n }, 'body_invalid'],
    ['an input over the cap', 'x'.repeat(4 * 1024 * 1024), 'body_too_large'],
    ['bytes over the cap', Buffer.alloc(4 * 1024 * 1024), 'body_too_large'],
  ])('%s fails the call before it is sent', async (_name, input, reason) => {
    let runs = 0;
    server.handle('m', () => runs++);
    expect(await rejection(calls.call('m', input))).toMatchObject({ reason, mayHaveRun: false });
    expect(runs).toBe(0);
    expect(await calls.call('m', 1)).toBe(0);
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['no method', () => calls.call('', 1), 'body_invalid'],
    ['a method that is no text', () => calls.call(undefined as unknown as string, 1), 'unexpected'],
    ['a time of 0', () => calls.call('m', 1, { timeoutMs: 0 }), 'invalid_option'],
    ['a time that is none', () => calls.call('m', 1, { timeoutMs: NaN }), 'invalid_option'],
    ['endless time', () => calls.call('m', 1, { timeoutMs: Infinity }), 'invalid_option'],
    ['metadata that is no text', () => calls.call('m', 1, { metadata: { a: 1 } as unknown as Record<string, string> }), 'body_invalid'],
    ['metadata that is too long', () => calls.call('m', 1, { metadata: { a: 'x'.repeat(9_000) } }), 'body_too_large'],
    ['a trace that is none', () => calls.call('m', 1, { trace: { traceId: 'x', spanId: 'y' } }), 'body_invalid'],
  ])('%s is a rejection, not a throw', async (_name, call, reason) => {
    expect(await rejection(call())).toMatchObject({ name: 'MeshError', reason });
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'nobody', 'x'.repeat(255)])('the unknown method %s is UNIMPLEMENTED: not run', async (method) => {
    expect(await rejection(calls.call(method, 1))).toMatchObject({ code: 'UNIMPLEMENTED', reason: 'unknown_method', mayHaveRun: false });
    expect(client.snapshot().connectionsSuccessful).toBe(1);
  });

  test('JSON that is too deep is refused by the other side: not run, and the connection lives on', async () => {
    server.handle('echo', (input) => input);
    let deep: unknown = 'x'.repeat(1_000);
    for (let i = 0; i < 600; i++) deep = [deep];
    expect(await rejection(calls.call('echo', deep))).toMatchObject({ reason: 'body_invalid', mayHaveRun: false });
    expect(await calls.call('echo', 1)).toBe(1);
    expect(client.snapshot().connectionsSuccessful).toBe(1);
  });

  test('an empty id of a service throws', () => {
    expect(() => client.connect('')).toThrow('invalid_option');
  });
});

describe('what the handler does wrong', () => {
  test.each<[string, () => unknown]>([
    ['throws', () => { throw new Error('secret'); }],
    ['rejects', () => Promise.reject(new Error('secret'))],
    ['throws nothing', () => { throw undefined; }],
    ['throws what cannot be printed', () => { throw Object.create(null); }],
    ['rejects with what cannot be printed', () => Promise.reject(Object.create(null))],
    ['gives a thenable that throws', () => ({ then: () => { throw new Error('secret'); } })],
    ['gives a then that throws', () => Object.defineProperty({}, 'then', { get() { throw new Error('secret'); } })],
  ])('%s: INTERNAL without detail, and the connection lives on', async (_name, handler) => {
    server.handle('bad', handler);
    server.handle('good', () => 1);
    const error = await rejection(calls.call('bad', {}));
    expect(error).toMatchObject({ code: 'INTERNAL', reason: 'handler_failed', mayHaveRun: true });
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(await calls.call('good', {})).toBe(1);
    expect(client.snapshot().connectionsSuccessful).toBe(1);
  });

  test('a MeshError of its own reaches the caller', async () => {
    server.handle('refuse', () => { throw new MeshError('stock_empty', 'none left', { code: 'FAILED_PRECONDITION', details: { item: 7 }, retryAfterMs: 10 }); });
    expect(await rejection(calls.call('refuse', {}))).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'stock_empty', text: 'none left', details: { item: 7 }, retryAfterMs: 10, mayHaveRun: true });
  });

  test.each<[string, unknown, string]>([
    ['a function', () => 1, 'result_invalid'],
    ['a BigInt', 1n, 'result_invalid'],
    ['a toJSON that throws', { toJSON() { throw new Error('secret'); } }, 'result_invalid'],
    ['a result over the cap', Buffer.alloc(4 * 1024 * 1024), 'body_too_large'],
  ])('%s cannot be sent: an error with a reason, and the connection lives on', async (_name, result, reason) => {
    server.handle('bad', () => result);
    const error = await rejection(calls.call('bad', {}));
    expect(error).toMatchObject({ reason, mayHaveRun: true });
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(await calls.call('health', {})).toBeDefined();
    expect(client.snapshot().connectionsSuccessful).toBe(1);
  });

  test('a result that is too deep is result_invalid at the caller', async () => {
    let deep: unknown = 'x'.repeat(1_000);
    for (let i = 0; i < 600; i++) deep = [deep];
    server.handle('deep', () => deep);
    expect(await rejection(calls.call('deep', {}))).toMatchObject({ reason: 'result_invalid', mayHaveRun: true });
    expect(await calls.call('health', {})).toBeDefined();
  });

  test('answers twice: the first counts', async () => {
    server.handle('twice', () => ({ then: (resolve: (value: number) => void, reject: (error: Error) => void) => { resolve(1); resolve(2); reject(new Error('x')); } }));
    expect(await calls.call('twice', {})).toBe(1);
    expect(await calls.call('health', {})).toBeDefined();
  });
});

describe('time', () => {
  /** A handler that never answers, and the context it got. */
  function hanging(): { context: () => HandlerContext } {
    let context: HandlerContext | undefined;
    server.handle('hang', (_input, given) => {
      context = given;
      return new Promise(() => {});
    });
    return { context: () => context as HandlerContext };
  }

  test('a handler that never answers: deadline_exceeded after 30 s, and it is told', async () => {
    const { context } = hanging();
    const outcome = rejection(calls.call('hang', {}));
    await turns(5);
    await clock.advance(1_000);
    expect([context().remainingMs, context().signal.aborted]).toEqual([29_000, false]);
    await clock.advance(28_900);
    expect(context().signal.aborted).toBe(false);
    await clock.advance(150);
    expect(await outcome).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'deadline_exceeded', mayHaveRun: true });
    expect(context().signal.aborted).toBe(true);
    expect([context().remainingMs, context().signal.reason]).toEqual([0, expect.objectContaining({ name: 'MeshError' })]);
    expect(client.snapshot().connectionsSuccessful).toBe(1);
  });

  test('its time travels as what is left of it', async () => {
    const seen: number[] = [];
    server.handle('inner', (_input, { remainingMs }) => void seen.push(remainingMs));
    const middle = await mesh.started('middle');
    middle.handle('outer', async (_input, { remainingMs, signal }) => {
      seen.push(remainingMs);
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 300));
      return middle.connect('server').call('inner', {}, { timeoutMs: remainingMs - 300, signal });
    });
    const outer = client.connect('middle');
    middle.connect('server');
    await turns(30);
    const call = outer.call('outer', {}, { timeoutMs: 1_000 });
    await turns(30);
    await clock.advance(300);
    await turns(30);
    await call;
    expect(seen).toEqual([1_000, 700]);
  });

  test('the time spent waiting for a connection is not given to the handler', async () => {
    let remaining: number | undefined;
    const call = client.connect('slow').call('m', {}, { timeoutMs: 1_500 });
    await clock.advance(500);
    await mesh.started('slow', {}, (node) => node.handle('m', (_input, context) => void (remaining = context.remainingMs)));
    for (let i = 0; i < 20; i++) await clock.advance(1);
    await call;
    expect(remaining).toBeLessThanOrEqual(1_000);
    expect(remaining).toBeGreaterThan(900);
  });

  test('a deadline that passes before there is a connection: provably not run', async () => {
    const outcome = rejection(client.connect('nobody').call('m', {}, { timeoutMs: 300 }));
    await clock.advance(400);
    expect(await outcome).toMatchObject({ reason: 'deadline_exceeded', mayHaveRun: false });
  });

  test('an answer that comes too late is dropped', async () => {
    let answer: ((value: number) => void) | undefined;
    server.handle('late', () => new Promise((resolve) => (answer = resolve)));
    const outcome = rejection(calls.call('late', {}, { timeoutMs: 100 }));
    await clock.advance(200);
    expect((await outcome).reason).toBe('deadline_exceeded');
    await turns(5);
    const { sent } = server.snapshot().bytes;
    answer?.(1);
    await turns(5);
    expect(server.snapshot().bytes.sent).toBe(sent);
    expect(await calls.call('health', {})).toBeDefined();
    expect(client.snapshot()).toMatchObject({ messagesSent: 2, messagesFailed: 1 });
  });

  test('an abort cancels the call here, and at the handler', async () => {
    const { context } = hanging();
    const abort = new AbortController();
    const outcome = rejection(calls.call('hang', {}, { signal: abort.signal }));
    await turns(5);
    const { signal } = context();
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    abort.abort(new Error('not wanted'));
    expect(await outcome).toMatchObject({ code: 'CANCELLED', reason: 'cancelled', mayHaveRun: true, cause: new Error('not wanted') });
    await aborted;
    expect(signal.reason).toMatchObject({ reason: 'cancelled' });
    // Asked for only afterwards it is aborted as well.
    expect(context().signal.aborted).toBe(true);
  });

  test('an abort before the call is sent: it is not', async () => {
    let runs = 0;
    server.handle('m', () => runs++);
    expect(await rejection(calls.call('m', {}, { signal: AbortSignal.abort() }))).toMatchObject({ reason: 'cancelled', mayHaveRun: false });
    const abort = new AbortController();
    const waiting = rejection(client.connect('nobody').call('m', {}, { signal: abort.signal }));
    abort.abort();
    expect(await waiting).toMatchObject({ reason: 'cancelled', mayHaveRun: false });
    await turns(5);
    expect(runs).toBe(0);
  });

  test('an abort after the answer changes nothing, and no listener is left', async () => {
    server.handle('m', () => 1);
    const abort = new AbortController();
    let listeners = 0;
    const { signal } = abort;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = ((...all: Parameters<typeof add>) => (listeners++, add(...all))) as typeof signal.addEventListener;
    signal.removeEventListener = ((...all: Parameters<typeof remove>) => (listeners--, remove(...all))) as typeof signal.removeEventListener;
    expect(await calls.call('m', {}, { signal })).toBe(1);
    expect(listeners).toBe(0);
    abort.abort();
  });
});

describe('interceptors', () => {
  test('see whether a call is idempotent, and whether it may be tried again', async () => {
    server.handle('echo', (input) => input);
    const seen: unknown[] = [];
    client.use((call, next) => {
      if (call.direction === 'outbound') seen.push([call.idempotent, call.retry]);
      return next(call);
    });
    await calls.call('echo', 1);
    await calls.call('echo', 1, { idempotent: true });
    await calls.call('echo', 1, { retry: false });
    expect(seen).toEqual([[undefined, undefined], [true, undefined], [undefined, false]]);
  });

  test('wrap calls on both sides, the first one outermost, and see what they carry', async () => {
    const log: string[] = [];
    const wrap = (name: string): Interceptor => async (call, next) => {
      log.push(`${name} ${call.direction} ${call.service} ${call.method} ${call.peer?.serviceId ?? '-'} ${call.metadata['k'] ?? ''}`);
      return next(call);
    };
    client.use(wrap('c1'));
    client.use(wrap('c2'));
    server.use(wrap('s1'));
    server.use(wrap('s2'));
    server.handle('m', (input) => (log.push('handler'), input));
    expect(await calls.call('m', 7, { metadata: { k: 'v' } })).toBe(7);
    expect(log).toEqual(['c1 outbound server m - v', 'c2 outbound server m - v', 's1 inbound server m client v', 's2 inbound server m client v', 'handler']);
  });

  test('may change input, metadata and outcome, answer alone, or refuse', async () => {
    let seen: unknown;
    server.handle('m', (input, { metadata }) => ((seen = [input, { ...metadata }]), 'answer'));
    client.use(async (call, next) => {
      if (call.method === 'cached') return 'from the cache';
      return `${String(await next({ ...call, input: 'changed', metadata: { ...call.metadata, added: 'yes' } }))}!`;
    });
    server.use((call, next) => {
      if (call.metadata['added'] !== 'yes') throw new MeshError('permission_denied', 'not for you');
      return next(call);
    });
    expect([await calls.call('m', 'given'), seen]).toEqual(['answer!', ['changed', { added: 'yes' }]]);
    expect(await calls.call('cached', 1)).toBe('from the cache');
    const plain = (await mesh.started('plain')).connect('server');
    expect(await rejection(plain.call('m', 1))).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'permission_denied' });
  });

  test('that refuse a call vouch that its handler has not run; that fail behind it do not', async () => {
    let ran = 0;
    server.handle('m', () => ++ran);
    server.use(async (call, next) => {
      if (call.input === 'refused') throw new MeshError('too_many_calls', 'not now', { retryAfterMs: 70 });
      await next(call);
      throw new MeshError('too_many_calls', 'too late');
    });
    expect(await rejection(calls.call('m', 'refused'))).toMatchObject({ reason: 'too_many_calls', mayHaveRun: false, retryAfterMs: 70 });
    expect(ran).toBe(0);
    expect(await rejection(calls.call('m', 'let through'))).toMatchObject({ reason: 'too_many_calls', mayHaveRun: true });
    expect(ran).toBe(1);
  });

  test('that call on once they have refused run no handler: it was vouched that it will not', async () => {
    let ran = 0;
    server.handle('m', () => ++ran);
    const later: Promise<unknown>[] = [];
    let refused = (): void => {};
    const answered = new Promise<void>((resolve) => (refused = resolve));
    server.use((call, next) => {
      later.push(answered.then(() => next(call)));
      throw new MeshError('too_many_calls', 'not now');
    });
    expect(await rejection(calls.call('m', 1))).toMatchObject({ mayHaveRun: false });
    refused();
    expect(await rejection(later[0] as Promise<unknown>)).toMatchObject({ reason: 'cancelled' });
    expect(ran).toBe(0);
  });

  test("the handler's signal and the interceptor's are one", async () => {
    let seen: AbortSignal | undefined;
    server.use((call, next) => ((seen = call.signal), next(call)));
    server.handle('m', (_input, { signal }) => signal === seen);
    expect(await calls.call('m', 1)).toBe(true);
  });

  test.each([
    ['a trace that is none', { trace: null }], ['a signal that is none', { signal: null }], ['a signal that is a text', { signal: 'stop' }],
  ])('regression: what JavaScript may pass, %s, is an error of a call that has not run, at once', async (_name, options) => {
    let ran = 0;
    server.handle('m', () => ++ran);
    expect(await rejection(calls.call('m', 1, options as never))).toMatchObject({ name: 'MeshError', mayHaveRun: false });
    client.use((call, next) => next(call));
    expect(await rejection(calls.call('m', 1, options as never))).toMatchObject({ name: 'MeshError', mayHaveRun: false });
    expect([ran, await rejection((calls.call as (method: unknown) => Promise<unknown>)(undefined))]).toMatchObject([0, { name: 'MeshError', mayHaveRun: false }]);
  });

  test('one that throws at once is a rejection', async () => {
    client.use(() => { throw new TypeError('bug'); });
    expect(await rejection(calls.call('m', 1))).toMatchObject({ reason: 'unexpected', cause: new TypeError('bug'), mayHaveRun: false });
  });

  test('regression: errors say whether the handler may have run, whoever gives them', async () => {
    let ran = 0;
    server.handle('m', () => ++ran);
    client.use(async (call, next) => {
      if (call.input === 'before') throw new TypeError('bug');
      if (call.input === 'refused') throw new MeshError('too_many_calls', 'not now', { retryAfterMs: 7 });
      await next(call);
      if (call.input === 'behind') throw new TypeError('bug');
      throw new MeshError('circuit_open', 'the second time', { mayHaveRun: false });
    });
    expect(await rejection(calls.call('m', 'before'))).toMatchObject({ reason: 'unexpected', mayHaveRun: false });
    expect(await rejection(calls.call('m', 'refused'))).toMatchObject({ reason: 'too_many_calls', code: 'RESOURCE_EXHAUSTED', retryable: true, retryAfterMs: 7, mayHaveRun: false });
    expect(ran).toBe(0);
    expect(await rejection(calls.call('m', 'behind'))).toMatchObject({ reason: 'unexpected', cause: new TypeError('bug'), mayHaveRun: true });
    // It has run, whatever the last attempt says of itself.
    expect(await rejection(calls.call('m', 'twice'))).toMatchObject({ reason: 'circuit_open', mayHaveRun: true });
    expect(ran).toBe(2);
  });

  test('regression: a call whose time is up, or that is cancelled, before it was sent has not run, also behind interceptors', async () => {
    client.use((call, next) => next(call));
    const nowhere = client.connect('nowhere');
    const late = rejection(nowhere.call('m', 1, { timeoutMs: 20 }));
    await clock.advance(40);
    expect(await late).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: false });
    const abort = new AbortController();
    const cancelled = rejection(nowhere.call('m', 1, { signal: abort.signal }));
    await turns();
    abort.abort();
    expect(await cancelled).toMatchObject({ code: 'CANCELLED', mayHaveRun: false });
    server.handle('hang', () => new Promise(() => {}));
    const hung = rejection(calls.call('hang', 1, { timeoutMs: 20 }));
    await turns();
    await clock.advance(40);
    expect(await hung).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: true });
  });

  test('one that gives a call inside no signal cannot say that it has not run', async () => {
    server.handle('hang', () => new Promise(() => {}));
    client.use((call, next) => next({ ...call, signal: new AbortController().signal }));
    const abort = new AbortController();
    const cancelled = rejection(calls.call('hang', 1, { signal: abort.signal, timeoutMs: 200 }));
    await turns();
    abort.abort();
    expect(await cancelled).toMatchObject({ code: 'CANCELLED', mayHaveRun: true });
  });
});

describe('many', () => {
  test('10,000 calls in flight at once; the next one fails before it is sent', async () => {
    let answer: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => (answer = resolve));
    server.handle('wait', async (input) => (await gate, input));
    const inFlight = Array.from({ length: 10_000 }, (_, index) => calls.call('wait', index));
    expect(await rejection(calls.call('wait', -1))).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'too_many_calls', mayHaveRun: false });
    while (server.snapshot().messagesReceived < 10_000) await turns();
    answer?.();
    const answers = await Promise.all(inFlight);
    expect(answers).toEqual(Array.from({ length: 10_000 }, (_, index) => index));
    expect(client.snapshot()).toMatchObject({ messagesSent: 10_001, messagesFailed: 1, connectionsSuccessful: 1 });
  });

  test('ten messages of 3 MiB at once, both ways', async () => {
    server.handle('echo', (input) => input);
    const bodies = Array.from({ length: 10 }, (_, index) => Buffer.alloc(3 * 1024 * 1024, index));
    const answers = await Promise.all(bodies.map((body) => calls.call('echo', body)));
    answers.forEach((answer, index) => expect((answer as Buffer).equals(bodies[index] as Buffer)).toBe(true));
    expect(client.snapshot().connectionsSuccessful).toBe(1);
  });
});

describe('audit and figures', () => {
  test('each call is a message event on both sides, without its payload', async () => {
    const audit = new RecordingAudit();
    await connected({ audit });
    server.handle('pay', ({ amount }: { amount: number }) => {
      if (amount < 0) throw new Error('secret');
      return 'done';
    });
    const trace = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };
    await calls.call('pay', { amount: 4711 }, { trace });
    await rejection(calls.call('pay', { amount: -1 }));
    const messages = audit.events.filter(({ eventType }) => eventType === 'message');
    expect(messages.map(({ details, targetServiceId }) => [details.action, details.success, targetServiceId, details.metadata?.['method']])).toEqual([
      ['message.received', true, 'client', 'pay'],
      ['message.sent', true, 'server', 'pay'],
      ['message.failed', false, 'client', 'pay'],
      ['message.failed', false, 'server', 'pay'],
    ]);
    expect([messages[0]?.trace, messages[1]?.trace]).toEqual([trace, trace]);
    expect(messages[3]?.details.metadata).toMatchObject({ code: 'INTERNAL', reason: 'handler_failed' });
    expect(JSON.stringify(audit.events)).not.toMatch(/4711|secret/);
  });

  test('a peer that a handler or an interceptor denies is an event of its own, once and then as a number', async () => {
    const audit = new RecordingAudit();
    await connected({ audit });
    server.handle('pay', () => {
      throw new MeshError('permission_denied', 'not you');
    });
    server.handle('look', () => 1);
    server.use((call, next) => {
      if (call.method === 'look') throw new MeshError('not_owner', 'not yours', { code: 'PERMISSION_DENIED' });
      return next(call);
    });
    for (let i = 0; i < 5; i++) await rejection(calls.call('pay', i));
    await rejection(calls.call('look', 1));
    const denied = (): unknown[] => audit.events.filter(({ details }) => details.action === 'auth.denied').map(({ targetServiceId, details }) => [targetServiceId, details.metadata?.['method'], details.metadata?.['reason'], details.messageCount]);
    expect(denied()).toEqual([['client', 'pay', 'permission_denied', 1], ['client', 'look', 'not_owner', 1]]);
    await server.stop();
    expect(denied().slice(2)).toEqual([['client', 'pay', 'permission_denied', 4]]);
    // The caller's own trail has its failed calls and nothing of that.
    expect(audit.events.filter(({ details, targetServiceId }) => details.action === 'message.failed' && targetServiceId === 'server')).toHaveLength(6);
  });

  test('what is refused unread is counted, and a message event, as any other call', async () => {
    const audit = new RecordingAudit();
    const small = await mesh.started('small', { audit, limits: { maxCalls: 1 } });
    small.handle('wait', () => new Promise(() => {}));
    const toSmall = client.connect('small');
    const [first, second] = [1, 2].map(() => rejection(toSmall.call('wait', 1, { timeoutMs: 100 })));
    expect(await second).toMatchObject({ reason: 'too_many_calls' });
    await clock.advance(200);
    await first;
    const failed = audit.events.filter(({ details }) => details.action === 'message.failed');
    expect(failed.map(({ details, targetServiceId }) => [targetServiceId, details.metadata])).toEqual([
      ['client', { direction: 'inbound', method: '_OTHER', code: 'RESOURCE_EXHAUSTED', reason: 'too_many_calls' }],
      ['client', { direction: 'inbound', method: 'wait', code: 'DEADLINE_EXCEEDED', reason: 'deadline_exceeded' }],
    ]);
    expect(small.snapshot().messagesReceived).toBe(2);
  });

  test("a peer's made-up methods are counted together", async () => {
    for (let i = 0; i < 20; i++) await rejection(calls.call(`made-up-${i}`, 1));
    expect(server.snapshot().calls.filter(({ direction }) => direction === 'inbound')).toEqual([
      expect.objectContaining({ peer: 'client', method: '_OTHER', started: 20, ended: { OK: 0, UNIMPLEMENTED: 20 } }),
    ]);
  });

  test('the duration is what passed on the monotonic clock, whatever happens to the wall clock', async () => {
    let answer: (() => void) | undefined;
    server.handle('wait', () => new Promise<void>((resolve) => (answer = resolve)));
    const call = calls.call('wait', 1);
    await clock.advance(250);
    clock.jump(-3_600_000);
    answer?.();
    await call;
    expect(client.snapshot().averageLatency).toBe(250);
  });
});

describe('prototype pollution', () => {
  const corpus = [
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"a":{"__proto__":{"polluted":1}}}',
    '[{"__proto__":{"polluted":1}}]',
    '{"__proto__":null}',
    '{"__defineGetter__":1,"hasOwnProperty":1,"toString":1,"valueOf":1}',
    '{"prototype":{"polluted":1},"__lookupSetter__":1}',
  ];

  test('no body and no metadata changes Object.prototype, there or back', async () => {
    const before = Object.getOwnPropertyNames(Object.prototype).sort();
    server.handle('echo', (input) => input);
    for (const text of corpus) {
      const value = JSON.parse(text) as Record<string, unknown>;
      expect(JSON.stringify(await calls.call('echo', value))).toBe(text);
      const metadata = Object.fromEntries(Object.keys(value).map((key) => [key, text]));
      await calls.call('echo', value, { metadata });
      await rejection(calls.call('__proto__', value, { metadata }));
      server.handle(`fail ${text}`, () => { throw new MeshError('x', 'm', { details: value }); });
      expect(JSON.stringify((await rejection(calls.call(`fail ${text}`, {}))).details)).toBe(text);
    }
    expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(before);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
