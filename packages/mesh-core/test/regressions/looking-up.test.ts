import { expect, test } from '@jest/globals';
import { FakeClock, MeshError, type DiscoveryProvider, type ServiceNode } from '@lemur-bookstores/mesh-interface';
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
  /** The provider has looked of its own accord. */
  looked(error?: MeshError): void;
  call(): { error: MeshError | undefined };
}

function rig(): Rig {
  const [clock, logger] = [new FakeClock(), new RecordingLogger()];
  const open: ((nodes: ServiceNode[]) => void)[] = [];
  let tell: (nodes: ServiceNode[]) => void = () => {};
  let looked: (error: MeshError | undefined) => void = () => {};
  const nodes = (ports: number[]): ServiceNode[] => ports.map((port) => ({ id: 's', host: 'h', port }));
  const discovery: DiscoveryProvider = {
    register: () => Promise.resolve(),
    discover: () => new Promise((resolve) => open.push(resolve)),
    watch: (_id, listener, onLookUp) => ((tell = listener), (looked = onLookUp ?? looked), () => {}),
  };
  const set = new EndpointSet('s', { discovery, dialer: new FakeDialer(clock).asDialer, clock, logger, strategy: 'random', drainMs: 1 });
  const call = (): { error: MeshError | undefined } => {
    const waiter = { error: undefined as MeshError | undefined, onSession: () => {}, onNoSession: (error: MeshError) => void (waiter.error = error) };
    set.wait(waiter);
    return waiter;
  };
  return { clock, logger, set, answer: (...ports) => open.shift()?.(nodes(ports)), tell: (...ports) => tell(nodes(ports)), looked: (error) => looked(error), call };
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

test('a watch that cannot look takes nobody away, is said once, and shows until it can again', async () => {
  const { clock, set, logger, answer, tell, looked } = rig();
  set.start();
  tell(1, 2);
  looked();
  answer(1, 2);
  await clock.advance(60_000);
  const before = set.discoveredAt;
  for (let i = 0; i < 3; i++) looked(new MeshError('discovery_failed', 'SERVFAIL'));
  expect([set.known, set.sessions().length, logger.lines.length]).toEqual([2, 2, 1]);
  expect([set.discoveryError?.text, set.discoveredAt]).toEqual(['SERVFAIL', before]);
  looked();
  expect(set.discoveryError).toBeUndefined();
  expect(set.discoveredAt).toBeGreaterThan(before);
});

test('an answer from memory does not hide that the watch cannot look', async () => {
  const { clock, set, logger, answer, looked } = rig();
  set.start();
  looked(new MeshError('discovery_failed', 'SERVFAIL'));
  for (let i = 0; i < 5; i++) {
    answer();
    await clock.advance(1_000);
  }
  expect([set.discoveryError?.text, logger.lines.length]).toEqual(['SERVFAIL', 1]);
  set.close(0).catch(() => {});
  looked();
  expect(set.discoveryError?.text).toBe('SERVFAIL');
});
