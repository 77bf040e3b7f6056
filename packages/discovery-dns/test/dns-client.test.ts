import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test } from '@jest/globals';
import { MeshError, systemClock } from '@lemur-bookstores/mesh-interface';
import { DnsClient } from '../src/dns-client.js';
import type { DnsServer } from '../src/dns-server.js';
import type { DnsAnswer } from '../src/resolver.js';
import { FakeServer, type Behaviour } from './support/fake-server.js';
import { a, RESPONSE, soa, TRUNCATED, wireMessage } from './support/messages.js';

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));
const closing: { close(): unknown }[] = [];
afterEach(async () => {
  for (const closable of closing.splice(0).reverse()) await closable.close();
});

async function serve(behaviour: Behaviour): Promise<FakeServer> {
  const server = await FakeServer.start(behaviour);
  closing.push(server);
  return server;
}

function client(servers: readonly DnsServer[], timeoutMs = 2_000): DnsClient {
  const made = new DnsClient({ servers, timeoutMs, clock: systemClock });
  closing.push(made);
  return made;
}

const ask = (from: DnsClient, waitMs = 4_500): Promise<DnsAnswer> => from.resolve({ name: 'a.test', type: 'A' }, { deadline: systemClock.monotonic() + waitMs });

async function failure(promise: Promise<unknown>): Promise<MeshError> {
  const error: unknown = await promise.then(() => undefined, (thrown: unknown) => thrown);
  if (!MeshError.is(error)) throw new Error('it did not fail with a MeshError');
  return error;
}

const addresses = ({ records }: DnsAnswer): string[] => records.map((record) => (record.type === 'A' ? record.address : record.type));
const answering: Behaviour = { udp: (reply) => reply({ answers: [a('a.test', '10.0.0.1', 5)] }) };
/** A port where nobody listens. */
async function nobody(): Promise<DnsServer> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return { address: '127.0.0.1', port };
}

describe('asking', () => {
  test('one packet there, one back', async () => {
    const server = await serve(answering);
    const answer = await ask(client([server.address]));
    expect([addresses(answer), answer.ttl, server.asked]).toEqual([['10.0.0.1'], 5, ['udp A a.test']]);
  });

  test('that there is nothing is an answer, and no other server is asked', async () => {
    const server = await serve({ udp: (reply) => reply({ flags: RESPONSE | 3, authority: [soa('test', 9, 9)] }) });
    const other = await serve(answering);
    expect(await ask(client([server.address, other.address]))).toMatchObject({ records: [], ttl: 9 });
    expect(other.asked).toEqual([]);
  });

  test('what does not fit is asked again over TCP, also where it comes in pieces', async () => {
    const many = Array.from({ length: 300 }, (_, i) => a('a.test', `10.0.${i >> 8}.${i & 0xff}`));
    const server = await serve({
      udp: (reply) => reply({ flags: RESPONSE | TRUNCATED }),
      tcp: (reply, _question, socket) => {
        socket.setNoDelay(true);
        const { write } = socket;
        socket.write = ((bytes: Buffer) => {
          for (const byte of [bytes.subarray(0, 1), bytes.subarray(1, 2), bytes.subarray(2, 700), bytes.subarray(700)]) write.call(socket, byte);
          return true;
        }) as never;
        reply({ answers: many });
      },
    });
    expect((await ask(client([server.address]))).records).toHaveLength(300);
    expect(server.asked).toEqual(['udp A a.test', 'tcp A a.test']);
  });

  test("over TCP alone with transport 'tcp'", async () => {
    const server = await serve(answering);
    const overTcp = new DnsClient({ servers: [server.address], timeoutMs: 2_000, transport: 'tcp', clock: systemClock });
    expect(addresses(await ask(overTcp))).toEqual(['10.0.0.1']);
    expect(server.asked).toEqual(['tcp A a.test']);
  });

  test('servers in turn: one that is not there, one that fails, one that refuses, one that answers', async () => {
    const failing = await serve({ udp: (reply) => reply({ flags: RESPONSE | 2 }) });
    const refusing = await serve({ udp: (reply) => reply({ flags: RESPONSE | 5 }) });
    const server = await serve(answering);
    expect(addresses(await ask(client([await nobody(), failing.address, refusing.address, server.address])))).toEqual(['10.0.0.1']);
    expect([failing.asked.length, refusing.asked.length]).toEqual([1, 1]);
  });

  test('a packet that got lost is sent again', async () => {
    const server = await serve({});
    server.behaviour = { udp: () => void (server.behaviour = answering) };
    expect(addresses(await ask(client([server.address], 200)))).toEqual(['10.0.0.1']);
    expect(server.asked).toHaveLength(2);
  });

  (hasIpv6 ? test : test.skip)('over IPv6, too', async () => {
    const server = createSocket('udp6');
    closing.push(server);
    await new Promise<void>((resolve) => server.bind(0, '::1', resolve));
    server.on('message', (message, from) => server.send(wireMessage({ id: message.readUInt16BE(0), answers: [a('a.test', '10.0.0.6')] }), from.port, from.address));
    expect(addresses(await ask(client([{ address: '::1', port: server.address().port }])))).toEqual(['10.0.0.6']);
  });
});

describe('failing', () => {
  test('says what was asked, where, and what each said; each was asked twice', async () => {
    const failing = await serve({ udp: (reply) => reply({ flags: RESPONSE | 2 }) });
    const silent = await serve({});
    const gone = await nobody();
    const error = await failure(ask(client([failing.address, silent.address, gone], 100)));
    expect([error.reason, error.retryable]).toEqual(['discovery_failed', true]);
    expect(error.text).toBe(
      `cannot look up A a.test: 127.0.0.1:${failing.port} answered SERVFAIL; 127.0.0.1:${silent.port} gave no answer within 100 ms; 127.0.0.1:${gone.port} is not reachable (ECONNREFUSED)`,
    );
    expect([failing.asked.length, silent.asked.length]).toEqual([2, 2]);
  });

  test('where the address of a server cannot be reached at all', async () => {
    expect((await failure(ask(client([{ address: '255.255.255.255', port: 53 }])))).text).toBe('cannot look up A a.test: 255.255.255.255:53 is not reachable (EACCES)');
  });

  test('at the deadline, however many servers are left', async () => {
    const silent = await serve({});
    const startedAt = systemClock.monotonic();
    const { text } = await failure(ask(client([silent.address, silent.address, silent.address, silent.address], 100), 150));
    expect(systemClock.monotonic() - startedAt).toBeGreaterThan(140);
    expect(text).toContain('gave no answer within');
    expect(silent.asked.length).toBeLessThan(4);
  });

  test.each<[string, Behaviour, string]>([
    ['what is no DNS message', { udp: (reply) => reply({ answers: [{ name: 'a.test', type: 'A', data: Buffer.alloc(3) }] }) }, 'sent what is no DNS message'],
    ['half an answer over TCP too', { udp: (reply) => reply({ flags: RESPONSE | TRUNCATED }) }, 'answered with half an answer'],
    ['nothing over TCP', { udp: (reply) => reply({ flags: RESPONSE | TRUNCATED }), tcp: (_reply, _question, socket) => socket.end() }, 'closed the TCP connection'],
    ['another answer over TCP', { udp: (reply) => reply({ flags: RESPONSE | TRUNCATED }), tcp: (reply) => reply({ question: { name: 'b.test', type: 'A' } }) }, 'answered another question'],
    ['silence over TCP', { udp: (reply) => reply({ flags: RESPONSE | TRUNCATED }), tcp: () => {} }, 'gave no answer within'],
  ])('%s', async (_what, behaviour, text) => {
    const server = await serve(behaviour);
    expect((await failure(ask(client([server.address], 300)))).text).toContain(text);
  });

  test('where there is no server at all', async () => {
    expect((await failure(ask(client([])))).text).toBe('cannot look up A a.test: this machine names no DNS server, and option servers none either');
  });
});

describe('answers of somebody else', () => {
  test('with another id, another question, of another type, or that are questions, are passed over', async () => {
    const evil = a('a.test', '10.6.6.6');
    const server = await serve({
      udp: (reply, { id }) => {
        reply(Buffer.of(id >> 8, id & 0xff));
        for (let guess = 1; guess <= 4; guess++) reply({ id: (id + guess) & 0xffff, answers: [evil] });
        reply({ question: { name: 'b.test', type: 'A' }, answers: [evil] });
        reply({ question: { name: 'a.test', type: 'AAAA' }, answers: [evil] });
        reply({ flags: 0x0100, answers: [evil] });
        reply({ answers: [a('a.test', '10.0.0.1')] });
      },
    });
    expect(addresses(await ask(client([server.address])))).toEqual(['10.0.0.1']);
  });

  test('from another address never arrive', async () => {
    const attacker = createSocket('udp4');
    closing.push(attacker);
    await new Promise<void>((resolve) => attacker.bind(0, '127.0.0.1', resolve));
    const honest = createSocket('udp4');
    closing.push(honest);
    await new Promise<void>((resolve) => honest.bind(0, '127.0.0.1', resolve));
    honest.on('message', (message, from) => {
      // Id, question and port are right; it only comes from elsewhere.
      attacker.send(wireMessage({ id: message.readUInt16BE(0), answers: [a('a.test', '10.6.6.6')] }), from.port, from.address, () => {
        honest.send(wireMessage({ id: message.readUInt16BE(0), answers: [a('a.test', '10.0.0.1')] }), from.port, from.address);
      });
    });
    expect(addresses(await ask(client([{ address: '127.0.0.1', port: honest.address().port }])))).toEqual(['10.0.0.1']);
  });

  test('ids and ports differ from question to question', async () => {
    const [ids, ports] = [new Set<number>(), new Set<number>()];
    const server = createSocket('udp4');
    closing.push(server);
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    server.on('message', (message, from) => {
      ids.add(message.readUInt16BE(0));
      ports.add(from.port);
      server.send(wireMessage({ id: message.readUInt16BE(0), answers: [a('a.test', '10.0.0.1')] }), from.port, from.address);
    });
    const asking = client([{ address: '127.0.0.1', port: server.address().port }]);
    for (let i = 0; i < 20; i++) await ask(asking);
    expect(ids.size).toBeGreaterThan(15);
    expect(ports.size).toBeGreaterThan(15);
  });
});

describe('closing', () => {
  test('ends what is under way, over UDP and TCP, and starts nothing more', async () => {
    const silent = await serve({});
    const hanging = await serve({ udp: (reply) => reply({ flags: RESPONSE | TRUNCATED }), tcp: () => {} });
    const asking = client([silent.address], 60_000);
    const overTcp = client([hanging.address], 60_000);
    const reached = (server: FakeServer, count: number) => new Promise<void>((resolve) => { const look = () => (server.asked.length >= count ? resolve() : setImmediate(look)); look(); });
    const both = [failure(ask(asking, 60_000)), failure(ask(overTcp, 60_000))];
    await Promise.all([reached(silent, 1), reached(hanging, 2)]);
    asking.close();
    overTcp.close();
    for (const { text } of await Promise.all(both)) expect(text).toContain('discovery is closed');
    expect((await failure(ask(asking))).reason).toBe('discovery_failed');
    expect(silent.asked).toHaveLength(1);
  });
});
