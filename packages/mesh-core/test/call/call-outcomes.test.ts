import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import type { MeshClient } from '../../src/call/mesh-client.js';
import type { MeshNode } from '../../src/mesh-node.js';
import { EndpointLoad } from '../../src/endpoint/endpoint-load.js';
import { HoldingAudit } from '../support/holding-audit.js';
import { TestMesh, type NodeSettings } from '../support/nodes.js';
import { rejection, turns } from '../support/wire.js';

interface Ended {
  readonly ms: number;
  readonly code: string | undefined;
}

let clock: FakeClock;
let mesh: TestMesh;
let server: MeshNode;
let calls: MeshClient;
let ended: Ended[];
async function connected(settings: NodeSettings = {}): Promise<void> {
  mesh = new TestMesh({ clock, limits: { drainMs: 1_000 } });
  server = await mesh.started('server');
  const client = await mesh.started('client', settings);
  calls = client.connect('server');
  while (client.snapshot().sessions.outbound === 0) await turns();
}

beforeEach(() => {
  clock = new FakeClock();
  ended = [];
  jest.spyOn(EndpointLoad.prototype, 'ended').mockImplementation((ms, _now, error) => void ended.push({ ms, code: error?.code }));
});

afterEach(async () => {
  jest.restoreAllMocks();
  const stopped = mesh.stop();
  await turns(10);
  await clock.advance(60_000);
  await stopped;
});

describe('each call tells its instance, once, how it ended and how long that took', () => {
  test('results, errors, deadlines and cancellations', async () => {
    await connected();
    server.handle('echo', (input) => input);
    server.handle('fail', () => { throw new MeshError('full', 'not now', { code: 'RESOURCE_EXHAUSTED' }); });
    server.handle('hang', () => new Promise(() => {}));
    await calls.call('echo', 1);
    await rejection(calls.call('fail', 1));
    expect(ended).toEqual([{ ms: 0, code: undefined }, { ms: 0, code: 'RESOURCE_EXHAUSTED' }]);
    const late = rejection(calls.call('hang', 1, { timeoutMs: 500 }));
    await clock.advance(600);
    await late;
    expect(ended[2]).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(ended[2]?.ms).toBeGreaterThanOrEqual(500);
    const abort = new AbortController();
    const cancelled = rejection(calls.call('hang', 1, { signal: abort.signal }));
    await clock.advance(70);
    abort.abort();
    await cancelled;
    expect(ended.slice(3)).toEqual([{ ms: 70, code: 'CANCELLED' }]);
  });

  test('a call that was never written tells nobody', async () => {
    await connected();
    await rejection(calls.call('echo', 1n));
    await rejection(calls.call('echo', 1, { signal: AbortSignal.abort() }));
    expect(ended).toEqual([]);
  });

  test('the time that an audit trail takes is not the time of the instance', async () => {
    const audit = new HoldingAudit(['message'], ['message.sending', 'message.sent']);
    await connected({ audit });
    server.handle('echo', (input) => input);
    const call = calls.call('echo', 1);
    await clock.advance(300);
    await audit.hold('message.sending');
    await audit.reached('message.sent');
    await clock.advance(300);
    await audit.hold('message.sent');
    await call;
    expect(ended).toEqual([{ ms: 0, code: undefined }]);
  });
});
