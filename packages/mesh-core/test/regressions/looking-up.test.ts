import { expect, test } from '@jest/globals';
import { FakeClock, type DiscoveryProvider, type MeshError, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { EndpointSet } from '../../src/endpoint/endpoint-set.js';
import { FakeDialer } from '../support/fake-dialer.js';
import { RecordingLogger } from '../support/nodes.js';

interface Rig {
  readonly clock: FakeClock;
  readonly logger: RecordingLogger;
  readonly set: EndpointSet;
  /** Answers the oldest look-up that is open. */
  answer(...ports: number[]): void;
  tell(...ports: number[]): void;
  call(): { error: MeshError | undefined };
}

function rig(): Rig {
  const [clock, logger] = [new FakeClock(), new RecordingLogger()];
  const open: ((nodes: ServiceNode[]) => void)[] = [];
  let tell: (nodes: ServiceNode[]) => void = () => {};
  const nodes = (ports: number[]): ServiceNode[] => ports.map((port) => ({ id: 's', host: 'h', port }));
  const discovery: DiscoveryProvider = {
    register: () => Promise.resolve(),
    discover: () => new Promise((resolve) => open.push(resolve)),
    watch: (_id, listener) => ((tell = listener), () => {}),
  };
  const set = new EndpointSet('s', { discovery, dialer: new FakeDialer(clock).asDialer, clock, logger, strategy: 'random', drainMs: 1 });
  const call = (): { error: MeshError | undefined } => {
    const waiter = { error: undefined as MeshError | undefined, onSession: () => {}, onNoSession: (error: MeshError) => void (waiter.error = error) };
    set.wait(waiter);
    return waiter;
  };
  return { clock, logger, set, answer: (...ports) => open.shift()?.(nodes(ports)), tell: (...ports) => tell(nodes(ports)), call };
}

test('a look-up without an answer fails after 5 s, is said once, and is done again', async () => {
  const { clock, set, logger, answer } = rig();
  set.start();
  await clock.advance(4_999);
  expect(set.discoveryError).toBeUndefined();
  await clock.advance(1);
  expect(set.discoveryError).toMatchObject({ reason: 'discovery_failed', text: "discovery could not look up 's' within 5000 ms" });
  await clock.advance(60_000);
  expect(logger.lines).toHaveLength(1);
  // The answers to those before come too late and are dropped.
  await clock.advance(1_000);
  for (let i = 0; i < 20; i++) answer(1);
  await clock.advance(0);
  expect([set.known, set.discoveryError]).toEqual([1, undefined]);
});

test('a service is unknown only once somebody has looked', async () => {
  const { clock, call, answer } = rig();
  const early = call();
  await clock.advance(2_000);
  expect(early.error).toMatchObject({ reason: 'discovery_failed', code: 'UNAVAILABLE', mayHaveRun: false });
  answer();
  await clock.advance(0);
  expect(call().error).toMatchObject({ reason: 'unknown_service' });
});

test('a watch that told of nobody has looked as well', async () => {
  const { clock, call, tell } = rig();
  const waiting = call();
  tell();
  await clock.advance(2_000);
  expect(waiting.error).toMatchObject({ reason: 'unknown_service' });
});

test('an old answer does not overwrite what the watch has told since', async () => {
  const { clock, set, answer, tell } = rig();
  set.start();
  tell(1, 2);
  await clock.advance(0);
  answer(3);
  await clock.advance(0);
  expect([set.known, set.discoveryError]).toEqual([2, undefined]);
  expect(set.discoveredAt).toBeGreaterThan(0);
});
