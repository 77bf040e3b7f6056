import { afterAll, afterEach, expect, test } from '@jest/globals';
import type { MeshClient } from '@lemur-bookstores/mesh-core';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

interface User {
  readonly id: number;
  readonly name: string;
}

interface UserApi {
  getUser(input: { id: number }): Promise<User>;
  rename(input: { id: number; name: string }): User;
  count(): number;
  avatar(input: Uint8Array): Uint8Array;
  /** Not a method: cannot be called. */
  readonly version: string;
}

/** Whether two types are the same; assignability alone would let `any` pass. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const is =
  <Expected>() =>
  <Actual>(_value: Actual, _same: Same<Actual, Expected>): void => {};

/** Never runs: the compiler is the test (`tsc -p tsconfig.test.json`). An error that goes away fails it, too. */
export async function compileTime(client: MeshClient<UserApi>): Promise<void> {
  const user = await client.call('getUser', { id: 1 });
  is<User>()(user, true);
  const renamed = await client.call('rename', { id: 1, name: 'Ada' });
  is<User>()(renamed, true);
  const count = await client.call('count', {});
  is<number>()(count, true);
  const avatar = await client.call('avatar', new Uint8Array(1), { timeoutMs: 5, metadata: { tenant: 'a' } });
  is<Uint8Array>()(avatar, true);
  const { status } = await client.call('health', {});
  is<'healthy' | 'degraded' | 'unhealthy'>()(status, true);

  // @ts-expect-error no such method
  await client.call('getUsers', { id: 1 });
  // @ts-expect-error not a method
  await client.call('version', {});
  // @ts-expect-error a number is asked for
  await client.call('getUser', { id: '1' });
  // @ts-expect-error the input is missing
  await client.call('getUser');
  // @ts-expect-error one field of it is missing
  await client.call('rename', { id: 1 });
  // @ts-expect-error there is no such field
  await client.call('getUser', { id: 1, nmae: 'Ada' });
  // @ts-expect-error nothing is asked for
  await client.call('count', { all: true });
  // @ts-expect-error no such option
  await client.call('getUser', { id: 1 }, { timeout: 5 });
  // @ts-expect-error metadata is text
  await client.call('getUser', { id: 1 }, { metadata: { attempt: 1 } });
  // @ts-expect-error the answer is a user
  const wrong: string = await client.call('getUser', { id: 1 });
  void wrong;
}

test('a typed client calls like any other', async () => {
  const users = await bed.running({ serviceId: 'user-service' });
  users.mesh.handle<{ id: number }, User>('getUser', ({ id }) => ({ id, name: 'Ada' }));
  users.mesh.handle('count', () => 1);
  const orders = await bed.running({ serviceId: 'order-service' });
  const client = orders.mesh.connect<UserApi>('user-service');
  expect((await client.call('getUser', { id: 1 })).name).toBe('Ada');
  expect(await client.call('count', {})).toBe(1);
  expect((await client.call('health')).service).toBe('user-service');
});

test('a client without a type takes and gives what is not known', async () => {
  const users = await bed.running({ serviceId: 'user-service' });
  users.mesh.handle('anything', (input) => input);
  const orders = await bed.running({ serviceId: 'order-service' });
  const answer = await orders.mesh.connect('user-service').call('anything', [1]);
  is<unknown>()(answer, true);
  expect(answer).toEqual([1]);
});
