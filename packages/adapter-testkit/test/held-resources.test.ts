import { watch } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { HeldResources } from '../src/held-resources.js';
import { eventually } from '../src/outcome.js';

const isEmpty = (held: HeldResources): Promise<boolean> => eventually(5_000, () => held.kinds().length === 0);

describe('HeldResources', () => {
  test('timers count while they are armed and not unref\'d', async () => {
    const held = new HeldResources();
    const [timer, idle] = await held.during(async () => [setInterval(() => undefined, 60_000), setInterval(() => undefined, 60_000).unref()] as const);
    expect(held.kinds()).toEqual(['Timeout']);
    idle.ref();
    expect(held.kinds()).toEqual(['Timeout', 'Timeout']);
    clearInterval(idle);
    timer.unref();
    expect(await isEmpty(held)).toBe(true);
    clearInterval(timer);
    held.stop();
  });

  test('also what is made later, by what was started', async () => {
    const held = new HeldResources();
    let timer: NodeJS.Timeout | undefined;
    await held.during(async () => {
      await Promise.resolve();
      setImmediate(() => {
        timer = setTimeout(() => undefined, 60_000);
      });
    });
    await eventually(5_000, () => timer !== undefined);
    expect(held.kinds()).toEqual(['Timeout']);
    clearTimeout(timer);
    expect(await isEmpty(held)).toBe(true);
    held.stop();
  });

  test('not what others make, the other end of a connection included', async () => {
    const held = new HeldResources();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const timer = setInterval(() => undefined, 60_000);
    const socket = await held.during(async () => {
      const made = connect((server.address() as AddressInfo).port, '127.0.0.1');
      await once(made, 'connect');
      return made;
    });
    const [other] = await accepted;
    expect(held.kinds()).toEqual(['TCPWRAP']);
    socket.destroy();
    expect(await isEmpty(held)).toBe(true);
    clearInterval(timer);
    other.destroy();
    await new Promise((resolve) => server.close(resolve));
    held.stop();
  });

  test('a watched file', async () => {
    const held = new HeldResources();
    const watcher = await held.during(async () => watch(import.meta.filename));
    expect(held.kinds()).toEqual(['FSEVENTWRAP']);
    watcher.close();
    expect(await isEmpty(held)).toBe(true);
    held.stop();
  });
});
