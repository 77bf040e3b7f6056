import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { HoldingAudit } from './support/holding-audit.js';
import { RecordingAudit, TestDiscovery, TestMesh } from './support/nodes.js';
import { rejection, turns } from './support/wire.js';

let mesh: TestMesh | undefined;
afterEach(async () => {
  await mesh?.stop();
});

async function starting(stopsAt = ['system.start']) {
  const clock = new FakeClock();
  const audit = new HoldingAudit(['system'], stopsAt);
  mesh = new TestMesh({ clock, limits: { drainMs: 100 } });
  const node = mesh.node('server', { audit });
  node.handle('echo', (input) => input);
  const started = node.start();
  started.catch(() => {});
  if (stopsAt.includes('system.start')) await audit.reached('system.start');
  return { clock, audit, mesh, node, started };
}

describe('a start, where system events are fail-closed', () => {
  test('is through once system.start is held: until then nobody is let in, and nobody can find it', async () => {
    const { audit, mesh: all, node, started } = await starting();
    const client = await all.started('client', { clock: new FakeClock(), backoff: { initialMs: 1, maxMs: 1 } });
    await turns(3);
    expect([node.state, all.discovery.nodes.filter(({ id }) => id === 'server')]).toEqual(['starting', []]);
    // Who knows its port is sent away.
    all.discovery.add({ id: 'server', host: '127.0.0.1', port: node.port as number });
    client.connect('server');
    await turns(20);
    expect(node.snapshot().sessions.inbound).toBe(0);
    expect(client.snapshot()).toMatchObject({ connectionsSuccessful: 0, connectedServices: [] });

    await audit.hold('system.start');
    await started;
    expect([node.state, audit.said]).toEqual(['running', ['hold system.start']]);
    expect(audit.events[0]).toEqual({ eventType: 'system', details: { action: 'system.start', success: true, metadata: { port: node.port, peerId: 'spiffe://test/server' } } });
    await node.stop();
    expect(audit.said).toEqual(['hold system.start', 'system.stop']);
  });

  test('is undone where no durable sink takes it, and may be tried again', async () => {
    const { audit, mesh: all, node, started } = await starting();
    await audit.refuse('system.start');
    expect(await rejection(started)).toMatchObject({ code: 'UNAVAILABLE', reason: 'audit_unavailable', text: 'no durable sink has the event system.start: the disk is full' });
    expect([node.state, node.port, all.discovery.nodes, audit.said]).toEqual(['new', undefined, [], ['hold system.start']]);
    const again = node.start();
    await audit.hold('system.start');
    await again;
    expect([node.state, audit.said]).toEqual(['running', ['hold system.start', 'hold system.start']]);
  });

  test('does not wait for ever', async () => {
    const { audit, clock, node, started } = await starting();
    await clock.advance(30_000);
    expect(await rejection(started)).toMatchObject({ reason: 'audit_unavailable' });
    expect(node.state).toBe('new');
    await audit.hold('system.start');
    expect([node.state, audit.said]).toEqual(['new', ['hold system.start']]);
  });

  test('is overtaken by stop(): closed, and the trail has both', async () => {
    const { audit, node, started } = await starting();
    const stopped = node.stop();
    await turns(3);
    await audit.hold('system.start');
    expect(await rejection(started)).toMatchObject({ reason: 'mesh_closed' });
    await stopped;
    expect([node.state, audit.said]).toEqual(['stopped', ['hold system.start', 'system.stop']]);
  });
});

test('what could not become findable has stopped', async () => {
  const audit = new HoldingAudit(['system'], []);
  mesh = new TestMesh({ limits: { drainMs: 100 } });
  const discovery = new TestDiscovery();
  discovery.register = () => Promise.reject(new Error('no registry'));
  const node = mesh.node('server', { audit, discovery });
  await rejection(node.start());
  expect([node.state, audit.said]).toEqual(['new', ['hold system.start', 'system.stop']]);
});

test('where the contract is another, one record each, once the start is through', async () => {
  const audit = new RecordingAudit();
  mesh = new TestMesh();
  const discovery = new TestDiscovery();
  discovery.register = () => Promise.reject(new Error('no registry'));
  await rejection(mesh.node('server', { audit, discovery }).start());
  expect(audit.actions()).toEqual([]);
  const node = await mesh.started('server', { audit });
  await node.stop();
  expect(audit.actions()).toEqual(['system.start', 'system.stop']);
});
