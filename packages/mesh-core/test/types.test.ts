import { expect, test } from '@jest/globals';
import type { AnyApi, HealthReply, InputOf, MeshClient, OutputOf, ServiceMethods } from '../src/index.js';

interface User {
  readonly id: number;
  readonly name: string;
}

interface UserApi {
  getUser(input: { id: number }): Promise<User>;
  rename(input: { id: number; name: string }): User;
  find(input?: { name: string }): User[];
  count(): number;
  avatar(input: Uint8Array): Uint8Array;
  remove(input: { id: number }, context: { signal: AbortSignal }): Promise<void>;
  /** Not a method: cannot be called. */
  readonly version: string;
}

class UserService {
  async getUser({ id }: { id: number }): Promise<User> {
    return { id, name: 'Ada' };
  }
}

/** Whether two types are the same; assignability alone would let `any` pass. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const is =
  <Expected>() =>
  <Actual>(_value: Actual, _same: Same<Actual, Expected>): void => {};
const holds = <T extends true>(_holds: T): void => {};

/** Never runs: the compiler is the test (`tsc -p tsconfig.test.json`), and an error that goes away fails it, too. */
export async function compileTime(client: MeshClient<UserApi>, service: MeshClient<UserService>, any: MeshClient): Promise<void> {
  holds<Same<ServiceMethods<UserApi>, 'getUser' | 'rename' | 'find' | 'count' | 'avatar' | 'remove'>>(true);
  holds<Same<InputOf<UserApi, 'getUser'>, { id: number }>>(true);
  holds<Same<OutputOf<UserApi, 'getUser'>, User>>(true);
  holds<Same<OutputOf<UserApi, 'remove'>, void>>(true);

  is<User>()(await client.call('getUser', { id: 1 }), true);
  is<User>()(await client.call('rename', { id: 1, name: 'Ada' }), true);
  is<User[]>()(await client.call('find'), true);
  is<User[]>()(await client.call('find', { name: 'Ada' }, { timeoutMs: 5 }), true);
  is<number>()(await client.call('count', {}), true);
  is<Uint8Array>()(await client.call('avatar', new Uint8Array(1), { metadata: { tenant: 'a' }, signal: AbortSignal.abort() }), true);
  is<void>()(await client.call('remove', { id: 1 }), true);
  is<HealthReply>()(await client.call('health', {}), true);
  is<HealthReply>()(await client.call('health', { service: 'audit' }), true);
  is<User>()(await service.call('getUser', { id: 1 }), true);
  is<unknown>()(await any.call('anything', Symbol.iterator), true);
  is<MeshClient<AnyApi>>()(any, true);

  // @ts-expect-error no such method
  await client.call('getUsers', { id: 1 });
  // @ts-expect-error not a method
  await client.call('version', {});
  // @ts-expect-error another type
  await client.call('getUser', { id: '1' });
  // @ts-expect-error the input is missing
  await client.call('getUser');
  // @ts-expect-error one field of it is missing
  await client.call('rename', { id: 1 });
  // @ts-expect-error a field too many
  await client.call('getUser', { id: 1, name: 'x' });
  // @ts-expect-error takes nothing
  await client.call('count', { a: 1 });
  // @ts-expect-error the answer is a User
  is<string>()(await client.call('getUser', { id: 1 }), true);
  // @ts-expect-error not a promise of a promise
  is<Promise<User>>()(await client.call('getUser', { id: 1 }), true);
  // @ts-expect-error metadata is text
  await client.call('getUser', { id: 1 }, { metadata: { a: 1 } });
  // @ts-expect-error no such option
  await client.call('getUser', { id: 1 }, { timeout: 5 });
}

test('the compiler checks method names, inputs and outputs (tsc -p tsconfig.test.json)', () => {
  expect(typeof compileTime).toBe('function');
});
