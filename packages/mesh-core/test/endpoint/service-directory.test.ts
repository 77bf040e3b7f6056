import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { ServiceDirectory } from '../../src/endpoint/service-directory.js';
import { FakeDialer } from '../support/fake-dialer.js';
import { RecordingLogger, TestDiscovery } from '../support/nodes.js';

function rig(): { clock: FakeClock; dialer: FakeDialer; discovery: TestDiscovery; directory: ServiceDirectory } {
  const clock = new FakeClock();
  const dialer = new FakeDialer(clock);
  const discovery = new TestDiscovery();
  discovery.add({ id: 'a', host: 'h', port: 1 });
  discovery.add({ id: 'b', host: 'h', port: 2 });
  const directory = new ServiceDirectory({ discovery, dialer: dialer.asDialer, clock, logger: new RecordingLogger(), strategy: 'random', drainMs: 10_000 });
  return { clock, dialer, discovery, directory };
}

describe('service directory', () => {
  test('dials nothing before it starts, then all that was asked for, and what is asked for later', async () => {
    const { clock, dialer, directory } = rig();
    const a = directory.of('a');
    expect(directory.of('a')).toBe(a);
    await clock.advance(1_000);
    expect(dialer.attempts).toEqual([]);
    directory.start();
    await clock.advance(0);
    directory.of('b');
    await clock.advance(0);
    expect(dialer.attempts.map(({ port }) => port)).toEqual([1, 2]);
    expect(directory.sessions()).toHaveLength(2);
  });

  test('disconnects one service, which may be asked for again', async () => {
    const { clock, dialer, directory } = rig();
    directory.start();
    directory.of('a');
    directory.of('b');
    await clock.advance(0);
    await directory.disconnect('a', 10_000);
    await directory.disconnect('nobody', 10_000);
    expect([directory.sessions().length, dialer.session(1).rig.connection.closed]).toEqual([1, 'closed']);
    directory.of('a');
    await clock.advance(0);
    expect(directory.sessions()).toHaveLength(2);
  });

  test('stop() closes all for good', async () => {
    const { clock, dialer, directory } = rig();
    directory.start();
    directory.of('a');
    await clock.advance(0);
    await directory.stop(10_000);
    directory.of('a');
    await clock.advance(60_000);
    expect([directory.sessions(), dialer.attempts.length, clock.pendingTimers]).toEqual([[], 1, 0]);
  });

  test('says how discovery does', async () => {
    const { clock, discovery, directory } = rig();
    expect(directory.discoveryState).toEqual({ lastSuccessAt: 0, lastError: undefined, knownServices: 0 });
    directory.start();
    directory.of('a');
    await clock.advance(0);
    expect(directory.discoveryState).toEqual({ lastSuccessAt: clock.now(), lastError: undefined, knownServices: 1 });
    discovery.failure = new Error('down');
    directory.of('nobody');
    await clock.advance(0);
    expect(directory.discoveryState).toMatchObject({ lastError: { reason: 'discovery_failed' }, knownServices: 1 });
  });
});
