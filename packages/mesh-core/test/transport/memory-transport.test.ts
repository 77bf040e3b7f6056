import { describe, expect, test } from '@jest/globals';
import type { Connection } from '@lemur-bookstores/mesh-interface';
import { MemoryTransport } from '../../src/transport/memory-transport.js';
import { rejection, turns } from '../support/wire.js';
import { openDoor } from '../support/open-door.js';

const node = (port: number): { id: string; host: string; port: number } => ({ id: 'server', host: 'memory', port });

async function connected(): Promise<{ near: Connection; far: Connection; released: () => number }> {
  const transport = new MemoryTransport();
  const door = openDoor();
  let far: Connection | undefined;
  const { port } = await transport.listen({ host: undefined, port: 0, admission: door, onConnection: (connection) => (far = connection) });
  const near = await transport.dial(node(port));
  return { near, far: far as Connection, released: () => door.released };
}

describe('memory transport', () => {
  test('messages arrive whole, in order, in a later turn, both ways', async () => {
    const { near, far } = await connected();
    const [atFar, atNear]: [string[], string[]] = [[], []];
    far.onMessage = (message) => void atFar.push(message.toString());
    near.onMessage = (message) => void atNear.push(message.toString());
    for (const text of ['a', '', 'c']) near.send(Buffer.from(text));
    far.send(Buffer.from('d'));
    expect([atFar, near.bufferedBytes]).toEqual([[], 2]);
    await turns(2);
    expect([atFar, atNear, near.bufferedBytes]).toEqual([['a', '', 'c'], ['d'], 0]);
  });

  test('tells when everything has left', async () => {
    const { near } = await connected();
    let drains = 0;
    near.onDrain = () => drains++;
    near.send(Buffer.from('a'));
    near.send(Buffer.from('b'));
    await turns(2);
    expect(drains).toBe(1);
  });

  test('close() lets what was sent arrive, then both ends end, once', async () => {
    const { near, far } = await connected();
    const seen: string[] = [];
    far.onMessage = (message) => void seen.push(message.toString());
    far.onEnd = () => void seen.push('far end');
    near.onEnd = () => void seen.push('near end');
    near.send(Buffer.from('last'));
    near.close();
    near.close();
    await turns(4);
    far.terminate();
    near.send(Buffer.from('late'));
    await turns(4);
    expect(seen.sort()).toEqual(['far end', 'last', 'near end']);
  });

  test('terminate() ends both', async () => {
    const { near, far } = await connected();
    let ends = 0;
    near.onEnd = far.onEnd = () => ends++;
    far.terminate();
    await turns(2);
    expect(ends).toBe(2);
  });

  test('nobody there: connect_failed; a port twice: port_in_use; a port given back can be taken again', async () => {
    const transport = new MemoryTransport();
    expect(await rejection(transport.dial(node(1)))).toMatchObject({ reason: 'connect_failed', code: 'UNAVAILABLE', mayHaveRun: false });
    const options = { host: undefined, port: 7, admission: openDoor(), onConnection: () => {} };
    const listener = await transport.listen(options);
    expect(listener.port).toBe(7);
    expect(await rejection(transport.listen(options))).toMatchObject({ reason: 'port_in_use', code: 'FAILED_PRECONDITION' });
    await listener.close();
    await expect(transport.listen(options)).resolves.toMatchObject({ port: 7 });
  });

  test('one whom admission refuses is closed at once', async () => {
    const transport = new MemoryTransport();
    let accepted = 0;
    const { port } = await transport.listen({ host: undefined, port: 0, admission: { admit: () => undefined }, onConnection: () => accepted++ });
    const near = await transport.dial(node(port));
    let ended = false;
    near.onEnd = () => (ended = true);
    await turns(2);
    expect([ended, accepted]).toEqual([true, 0]);
  });
});
