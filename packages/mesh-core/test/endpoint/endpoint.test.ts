import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { MessageKind } from '../../src/wire/message.js';
import { Endpoint } from '../../src/endpoint/endpoint.js';
import { FakeDialer } from '../support/fake-dialer.js';
import { IdleCall } from '../support/idle-call.js';
import { message, turns } from '../support/wire.js';

const down = new MeshError('connect_failed', 'nobody');
const untrusted = new MeshError('peer_untrusted', 'foreign');

function rig(node: Partial<ServiceNode> = {}): { clock: FakeClock; dialer: FakeDialer; endpoint: Endpoint; events: string[] } {
  const clock = new FakeClock();
  const dialer = new FakeDialer(clock);
  const events: string[] = [];
  const listener = { onConnected: () => void events.push('connected'), onDisconnected: () => void events.push('disconnected'), onFailed: (_endpoint: Endpoint, { reason }: MeshError) => void events.push(reason) };
  const endpoint = new Endpoint({ id: 'server', host: 'h', port: 1, ...node }, dialer.asDialer, clock, { initialMs: 100, maxMs: 5_000 }, listener);
  return { clock, dialer, endpoint, events };
}

describe('endpoint', () => {
  test('dials when started, once', async () => {
    const { clock, dialer, endpoint, events } = rig();
    expect(endpoint.state.type).toBe('stopped');
    endpoint.start();
    endpoint.start();
    expect(endpoint.state.type).toBe('dialling');
    expect(endpoint.session).toBeUndefined();
    await clock.advance(0);
    expect([dialer.attempts.length, events]).toEqual([1, ['connected']]);
    expect(endpoint.session).toBe(dialer.session(1).outbound);
  });

  test.each([['one', 'a', ['a']], ['several', ['a', 'b'], ['a', 'b']], ['none', undefined, undefined]])('hands on %s pin(s)', (_name, publicKey, pins) => {
    const { dialer, endpoint } = rig(publicKey === undefined ? {} : { publicKey });
    endpoint.start();
    expect(dialer.attempts[0]?.pins).toEqual(pins);
  });

  test('dials again for ever, after waits that grow to the cap, each jittered', async () => {
    const { clock, dialer, endpoint, events } = rig();
    dialer.outcomes.set(1, down);
    endpoint.start();
    await clock.advance(10 * 60_000);
    const waits = dialer.attempts.slice(1).map(({ at }, index) => at - (dialer.attempts[index]?.at ?? 0));
    [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000].forEach((full, index) => {
      expect(waits[index]).toBeGreaterThanOrEqual(full / 2);
      expect(waits[index]).toBeLessThanOrEqual(full);
    });
    expect(dialer.attempts.length).toBeGreaterThan(110);
    expect(new Set(waits.map(Math.round)).size).toBeGreaterThan(20);
    expect(new Set(events)).toEqual(new Set(['connect_failed']));
    dialer.outcomes.delete(1);
    await clock.advance(5_000);
    expect(endpoint.session).toBeDefined();
  });

  test.each([['cut', 'disconnected'], ['told to go away', 'disconnected']])('a session that is %s is dialled anew', async (how) => {
    const { clock, dialer, endpoint, events } = rig();
    endpoint.start();
    await clock.advance(0);
    const { rig: far } = dialer.session(1);
    if (how === 'cut') far.connection.onEnd({});
    else far.feed(message(MessageKind.goAway, 0));
    expect(endpoint.session).toBeUndefined();
    expect(events).toEqual(['connected', 'connection_lost', 'disconnected']);
    await clock.advance(100);
    expect([dialer.attempts.length, events.at(-1)]).toEqual([2, 'connected']);
  });

  test('a session that lived for 5 s resets the backoff, one that did not does not', async () => {
    const { clock, dialer, endpoint } = rig();
    endpoint.start();
    for (let i = 0; i < 6; i++) {
      await clock.advance(i === 0 ? 0 : 5_000 - 1);
      if (endpoint.session !== undefined) dialer.session(1).rig.connection.onEnd({});
    }
    const flapping = dialer.attempts.length;
    await clock.advance(500);
    expect(dialer.attempts.length).toBe(flapping);
    await clock.advance(5_000);
    await clock.advance(5_000);
    const before = dialer.attempts.length;
    dialer.session(1).rig.connection.onEnd({});
    await clock.advance(100);
    expect(dialer.attempts.length).toBe(before + 1);
  });

  test('remembers why it is not connected, also while it dials again', async () => {
    const { clock, dialer, endpoint } = rig();
    dialer.outcomes.set(1, untrusted);
    endpoint.start();
    expect(endpoint.error).toBeUndefined();
    await clock.advance(0);
    expect(endpoint.error).toBe(untrusted);
    dialer.outcomes.set(1, 'hangs');
    await clock.advance(100);
    expect([endpoint.state.type, endpoint.error]).toEqual(['dialling', untrusted]);
  });

  test('stop() ends a wait', async () => {
    const { clock, dialer, endpoint } = rig();
    dialer.outcomes.set(1, down);
    endpoint.start();
    await clock.advance(10);
    await endpoint.stop(10_000);
    await clock.advance(60_000);
    expect([dialer.attempts.length, clock.pendingTimers]).toEqual([1, 0]);
  });

  test('stop() ends a dial under way', async () => {
    const { clock, dialer, endpoint, events } = rig();
    dialer.outcomes.set(1, 'hangs');
    endpoint.start();
    await endpoint.stop(10_000);
    await clock.advance(60_000);
    expect([dialer.aborted, dialer.attempts.length, events]).toEqual([[1], 1, []]);
  });

  test('stop() lets calls in flight end, then closes', async () => {
    const { clock, dialer, endpoint } = rig();
    endpoint.start();
    await clock.advance(0);
    const { outbound, rig: far } = dialer.session(1);
    outbound.send(new IdleCall(), 1);
    let stopped = false;
    void endpoint.stop(10_000).then(() => (stopped = true));
    await clock.advance(5_000);
    expect([stopped, far.connection.closed]).toEqual([false, 'open']);
    far.feed(message(MessageKind.response, 1));
    await turns();
    expect([stopped, far.connection.closed]).toEqual([true, 'closed']);
    expect(dialer.attempts).toHaveLength(1);
  });

  test('stop() cuts at its limit what does not end', async () => {
    const { clock, dialer, endpoint } = rig();
    endpoint.start();
    await clock.advance(0);
    const call = new IdleCall();
    dialer.session(1).outbound.send(call, 1);
    let stopped = false;
    void endpoint.stop(10_000).then(() => (stopped = true));
    await clock.advance(10_000);
    expect(stopped).toBe(true);
    expect(call.failure).toMatchObject({ reason: 'connection_lost', mayHaveRun: true });
  });

  test('stop() waits for a session that drains already, and may be asked twice: the shorter limit counts', async () => {
    const { clock, dialer, endpoint } = rig();
    endpoint.start();
    await clock.advance(0);
    const { outbound, rig: far } = dialer.session(1);
    const call = new IdleCall();
    outbound.send(call, 1);
    far.feed(message(MessageKind.goAway, 1));
    const stops: number[] = [];
    void endpoint.stop(10_000).then(() => stops.push(1));
    void endpoint.stop(1_000).then(() => stops.push(2));
    await clock.advance(999);
    expect(stops).toEqual([]);
    await clock.advance(1);
    expect(stops.sort()).toEqual([1, 2]);
    expect([call.failure?.reason, clock.pendingTimers]).toEqual(['connection_lost', 0]);
  });
});
