import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { LogNaming } from '../src/log-options.js';
import { openLog, temporaryDirectory } from './support/logs.js';

/** Names logs of a service as an adapter does: by chance, once, and never takes another's. */
const naming = (service: string, id: string, asked: (string | undefined)[] = []): LogNaming => (found) => {
  asked.push(found);
  if (found === undefined) return `example.org/${service}/${id}`;
  return found.startsWith(`example.org/${service}/`) ? found : undefined;
};

test('a log that is named where it begins keeps that name', async () => {
  const directory = join(temporaryDirectory(), 'log');
  const asked: (string | undefined)[] = [];
  const log = await openLog(directory, { origin: naming('orders', '1', asked) });
  await log.rotate();
  await log.close();
  const again = await openLog(directory, { origin: naming('orders', '2', asked) });
  await again.close();
  expect([log.origin, again.origin, asked]).toEqual(['example.org/orders/1', 'example.org/orders/1', [undefined, 'example.org/orders/1']]);
});

test("instances have names of their own, also one that comes alone later, and the folder of another's log is passed over", async () => {
  const parent = temporaryDirectory();
  const open = (service: string, id: string): ReturnType<typeof openLog> => openLog(join(parent, service), { origin: naming(service, id) });
  const [first, second] = [await open('orders', '1'), await open('orders', '2')];
  await Promise.all([first.close(), second.close()]);
  // A service that is called what a second instance's folder is called.
  const other = await open('orders-2', '3');
  await other.close();
  expect([first.directory, second.directory, other.directory]).toEqual([join(parent, 'orders'), join(parent, 'orders-2'), join(parent, 'orders-2-2')]);
  const again = [await open('orders', '4'), await open('orders', '5')];
  expect(again.map(({ origin }) => origin)).toEqual(['example.org/orders/1', 'example.org/orders/2']);
  await Promise.all(again.map((log) => log.close()));
});

test('a name that notes cannot carry is refused, and the folder is free again', async () => {
  const directory = join(temporaryDirectory(), 'log');
  await expect(openLog(directory, { origin: () => 'two words' })).rejects.toThrow(/^invalid_option: origin/);
  const log = await openLog(directory);
  expect(log.directory).toBe(directory);
  await log.close();
});
