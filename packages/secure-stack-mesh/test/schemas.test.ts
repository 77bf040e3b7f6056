import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import type { MeshError } from '@lemur-bookstores/mesh-interface';
import type { HandlerContext, InputIssues, MeshClient, MethodOf, SchemaInput, SchemaOutput, StandardSchema } from '../src/index.js';
import type { SecureMesh } from '../src/secure-mesh.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const errorOf = (call: Promise<unknown>): Promise<MeshError> => call.then(() => Promise.reject(new Error('it succeeded')), (error: MeshError) => error);

const withZod = {
  input: z.object({ customer: z.string().min(1).transform((text) => text.toUpperCase()), items: z.array(z.object({ price: z.number().positive() })).min(1), note: z.string().default('none') }),
  output: z.object({ total: z.number().transform((total) => total.toFixed(2)), note: z.string() }),
};
const withValibot = {
  input: v.object({ customer: v.pipe(v.string(), v.minLength(1), v.transform((text) => text.toUpperCase())), items: v.pipe(v.array(v.object({ price: v.pipe(v.number(), v.gtValue(0)) })), v.minLength(1)), note: v.optional(v.string(), 'none') }),
  output: v.object({ total: v.pipe(v.number(), v.transform((total) => total.toFixed(2))), note: v.string() }),
};
const withArktype = {
  input: type({ customer: type('string > 0').pipe((text) => text.toUpperCase()), items: type({ price: 'number > 0' }).array().atLeastLength(1), note: "string = 'none'" }),
  output: type({ total: type('number').pipe((total) => total.toFixed(2)), note: 'string' }),
};
/** Answers with a promise, as a schema does that asks a data base. */
const withZodLate = { input: withZod.input.refine(async ({ customer }) => (await Promise.resolve(), customer !== 'NOBODY'), 'unknown customer'), output: withZod.output };

type Order = { customer: string; items: readonly { price: number }[]; note: string };
const totalOf = ({ customer, items, note }: Order): { total: number; note: string } => ({ total: items.reduce((sum, { price }) => sum + price, 0), note: `${customer}: ${note}` });

interface Schemas {
  readonly input: StandardSchema<unknown, Order>;
  readonly output: StandardSchema<{ total: number; note: string }, unknown>;
}
const libraries: readonly [string, Schemas][] = [['zod', withZod], ['zod, asynchronous', withZodLate], ['valibot', withValibot], ['arktype', withArktype]];

describe.each(libraries)('a handler behind schemas of %s', (_library, schemas) => {
  async function services(handler: (order: Order) => { total: number; note: string } = totalOf): Promise<{ calls: MeshClient; log: string[]; ran: Order[]; trail: () => string }> {
    const { mesh, log, audit } = await bed.running({ serviceId: 'orders' });
    const ran: Order[] = [];
    mesh.handle('createOrder', schemas, (order) => (ran.push(order), handler(order)));
    const shop = await bed.running({ serviceId: 'shop' });
    return { calls: shop.mesh.connect('orders'), log, ran, trail: () => JSON.stringify([audit.events, shop.audit.events]) };
  }

  test('gets what the schema gives; the caller gets what the other gives', async () => {
    const { calls, ran } = await services();
    expect(await calls.call('createOrder', { customer: 'ada', items: [{ price: 1 }, { price: 0.5 }] })).toEqual({ total: '1.50', note: 'ADA: none' });
    expect(ran).toEqual([{ customer: 'ADA', items: [{ price: 1 }, { price: 0.5 }], note: 'none' }]);
  });

  test('does not run on what the schema does not take: paths and messages to the caller, values to nobody', async () => {
    const { calls, ran, trail, log } = await services();
    const error = await errorOf(calls.call('createOrder', { customer: 'ada', items: [{ price: 1 }, { price: 'hunter2' }], note: 4_111_111_111_111_111 }));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'input_invalid', mayHaveRun: false });
    const { issues, omitted } = error.details as InputIssues;
    expect([issues.map(({ path }) => path).sort(), omitted]).toEqual([['items[1].price', 'note'], undefined]);
    for (const issue of issues) {
      expect(Object.keys(issue).sort()).toEqual(['message', 'path']);
      expect(issue.message.length).toBeGreaterThan(5);
    }
    expect([JSON.stringify(error), trail(), ran, log].map(String).join()).not.toMatch(/hunter2|4111111111111111/);
    expect(ran).toEqual([]);
  });

  test.each<[string, unknown]>([['nothing', undefined], ['null', null], ['a text', 'order'], ['a list', []], ['bytes', Uint8Array.of(1)]])('does not run on %s', async (_what, input) => {
    const { calls, ran } = await services();
    expect(await errorOf(calls.call('createOrder', input))).toMatchObject({ reason: 'input_invalid', mayHaveRun: false });
    expect(ran).toEqual([]);
  });

  test('issues without end fit into an answer, and are counted', async () => {
    const { calls } = await services();
    const error = await errorOf(calls.call('createOrder', { customer: 'ada', items: Array.from({ length: 500 }, () => ({ price: 'free' })) }));
    const { issues, omitted = 0 } = error.details as InputIssues;
    expect([issues.length > 10, issues.length + omitted]).toEqual([true, 500]);
  });

  test('what a peer puts into `__proto__` is in nobody’s prototype', async () => {
    const { calls } = await services();
    await calls.call('createOrder', JSON.parse('{"customer":"ada","items":[{"price":1,"__proto__":{"polluted":1}}],"__proto__":{"polluted":1}}'));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('a result that does not fit is not sent; why is in the log, without the value', async () => {
    const { calls, log } = await services(() => ({ total: 'hunter2' as unknown as number, note: 'x' }));
    const error = await errorOf(calls.call('createOrder', { customer: 'ada', items: [{ price: 1 }] }));
    expect(error).toMatchObject({ code: 'INTERNAL', reason: 'result_invalid', text: 'the result does not fit its schema', details: undefined, mayHaveRun: true });
    expect(log).toEqual(["error the result of 'createOrder' does not fit its schema at total"]);
    expect(JSON.stringify([error, log])).not.toContain('hunter2');
  });
});

test('who may not call learns nothing of schemas', async () => {
  const { mesh } = await bed.running({ serviceId: 'orders', security: { authorize: { createOrder: ['billing'] } } });
  let checked = 0;
  mesh.handle('createOrder', { input: z.unknown().refine(() => ++checked < 0) }, () => 1);
  expect(await errorOf((await bed.running({ serviceId: 'shop' })).mesh.connect('orders').call('createOrder', {}))).toMatchObject({ reason: 'permission_denied' });
  expect(checked).toBe(0);
});

test('what is no schema is refused when it is registered', () => {
  const { mesh } = bed.mesh({ serviceId: 'orders' });
  expect(() => mesh.handle('pay', { input: { type: 'object' } as unknown as StandardSchema }, () => 1)).toThrow(/^invalid_option: handle\('pay'\)\.input: has no '~standard'/);
  expect(() => mesh.handle('pay', z.string() as never, () => 1)).toThrow(/must be given as \{ input/);
  mesh.handle('pay', { input: z.string() }, () => 1);
  expect(() => mesh.handle('pay', { input: z.string() }, () => 1)).toThrow(/duplicate_handler/);
  expect(() => mesh.handle('health', { input: z.string() }, () => 1)).toThrow(/reserved_name/);
});

/** Whether two types are the same; assignability alone would let `any` pass. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(_holds: T): void => {};
const is =
  <Expected>() =>
  <Actual>(_value: Actual, _same: Same<Actual, Expected>): void => {};

interface OrdersApi {
  createOrder: MethodOf<typeof withZod>;
  createOther: MethodOf<typeof withValibot>;
  createThird: MethodOf<typeof withArktype>;
}

/** Never runs: the compiler is the test (`tsc -p tsconfig.test.json`), and an error that goes away fails it, too. */
export async function compileTime(mesh: SecureMesh, client: MeshClient<OrdersApi>): Promise<void> {
  mesh.handle('zod', withZod, async (order, context) => {
    is<{ customer: string; items: { price: number }[]; note: string }>()(order, true);
    is<HandlerContext>()(context, true);
    return { total: 1, note: order.note };
  });
  mesh.handle('valibot', withValibot, (order) => {
    is<{ customer: string; items: { price: number }[]; note: string }>()(order, true);
    return { total: 1, note: order.note };
  });
  mesh.handle('arktype', withArktype, (order) => {
    is<string>()(order.customer, true);
    is<number[]>()(order.items.map(({ price }) => price), true);
    return { total: 1, note: order.note };
  });
  mesh.handle('input alone', { input: z.object({ id: z.coerce.number() }) }, (input) => {
    is<{ id: number }>()(input, true);
    return Symbol.iterator;
  });
  mesh.handle('output alone', { output: z.string() }, (input) => {
    is<unknown>()(input, true);
    return 'text';
  });
  mesh.handle('no schema', (input: { id: number }) => input.id);
  holds<Same<SchemaInput<typeof withZod.input>, { customer: string; items: { price: number }[]; note?: string | undefined }>>(true);
  holds<Same<SchemaOutput<typeof withZod.output>, { total: string; note: string }>>(true);
  holds<Same<SchemaInput<typeof withValibot.output>, { total: number; note: string }>>(true);

  const order = { customer: 'ada', items: [{ price: 1 }] };
  for (const answer of [await client.call('createOrder', order), await client.call('createOther', order), await client.call('createThird', order)]) is<{ total: string; note: string }>()(answer, true);

  // @ts-expect-error the result is what the output's schema takes, not what it gives
  mesh.handle('zod', withZod, () => ({ total: '1.00', note: '' }));
  // @ts-expect-error the same, late
  mesh.handle('valibot', withValibot, async () => ({ total: '1.00', note: '' }));
  // @ts-expect-error the input is what the schema gives
  mesh.handle('zod', withZod, (order: { customer: number }) => ({ total: order.customer, note: '' }));
  // @ts-expect-error not a schema
  mesh.handle('zod', { input: { type: 'object' } }, () => 1);
  // @ts-expect-error no such option
  mesh.handle('zod', { inputs: z.string() }, () => 1);
  // @ts-expect-error the caller sends what the schema takes
  await client.call('createOrder', { customer: 'ada', items: [{ price: '1' }] });
  // @ts-expect-error one field is missing
  await client.call('createOther', { customer: 'ada' });
}

test('the compiler checks what handlers behind schemas take and return (tsc -p tsconfig.test.json)', () => {
  expect(typeof compileTime).toBe('function');
});
