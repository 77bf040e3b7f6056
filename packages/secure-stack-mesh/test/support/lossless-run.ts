import type { AuditEventInput, AuditLaneStats, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { SecureMesh } from '../../src/secure-mesh.js';
import { until } from './until.js';

/** Events of each run. */
export const EVENTS = 100_000;
/** How long the sink is away in the middle of it, in ms. */
const AWAY_MS = 10_000;
/** Recorded in one turn of the event loop; and how full the lane may be for that. Who makes events faster than a disk takes them loses some: that is another test. */
const A_TURN = 250;
const FULL = 0.7;
/** Between two flushes, in ms, while deliveries are waited for; and how long that may take. */
const FLUSH_EVERY_MS = 500;
const PATIENCE_MS = 90_000;
/** How much of the events is delivered when the sink goes away: half is recorded by then, the other half meanwhile. */
const GONE_AT = 0.3;

/** Of the lane: less patience than the defaults have, so that it does not take minutes. */
export const LANE = { retryDelayMs: 20, deliveryTimeoutMs: 5_000 };

/** Bounds of a lane by default. */
const LANE_EVENTS = 10_000;
const LANE_BYTES = 16 * 1_048_576;
/** The request under way, what is being written to the spill, what was loaded meanwhile. All events that wait at most would be some 50 MB. */
const BESIDE_BYTES = 8 * 1_048_576;

// `--expose-gc` is among the flags that tools/workspace/jest.mjs gives.
const collect = (globalThis as { gc?: () => void }).gc as () => void;

/** The sink, wherever it runs. */
export interface TroubledSink {
  down(): Promise<unknown>;
  up(): Promise<unknown>;
}

/** How it is run. */
export interface LosslessRunOptions {
  /** Of the sink's faults: said where a run fails, so that it can be repeated. */
  readonly seed: number;
  /** What to record; default: what a mesh records most. */
  readonly eventAt?: (index: number) => AuditEventInput;
}

/** What became of it. */
export interface LosslessRun {
  readonly seed: number;
  /** Ids of the events that were recorded here. The mesh has some of its own besides. */
  readonly ids: ReadonlySet<string>;
  /** Of the lane, when nothing waited any more. */
  readonly lane: AuditLaneStats;
  /** The most that the lane held in memory: events, and how much of its bound. */
  readonly mostQueued: number;
  readonly mostFill: number;
  /** By how much the heap had grown at most, in bytes, garbage apart, and the ids as well. */
  readonly mostHeap: number;
  /** The most that was on disk. */
  readonly mostSpilled: number;
  readonly ms: number;
}

const ORDINARY: readonly AuditEventInput[] = [
  { eventType: 'message', targetServiceId: 'payments', details: { action: 'message.sent', success: true, duration: 1.5, metadata: { direction: 'outbound', method: 'charge' } } },
  { eventType: 'message', targetServiceId: 'gateway', details: { action: 'message.received', success: true, duration: 0.5, metadata: { direction: 'inbound', method: 'order' } } },
  { eventType: 'connection', targetServiceId: 'gateway', details: { action: 'auth.succeeded', success: true, duration: 3, metadata: { direction: 'inbound', peerId: 'spiffe://mesh.test/gateway' } } },
  { eventType: 'system', details: { action: 'app.refund', success: true, metadata: { orderId: 17, note: 'ä 😀 "quoted"\n' } } },
];

export const ordinaryEvent = (index: number): AuditEventInput => ORDINARY[index % ORDINARY.length] as AuditEventInput;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Records {@link EVENTS} events in a mesh with one adapter, whose sink goes away for 10 s in the middle, and waits until the adapter has had every one. */
export async function runThroughTrouble(mesh: SecureMesh, sink: TroubledSink, { seed, eventAt = ordinaryEvent }: LosslessRunOptions): Promise<LosslessRun> {
  const from = performance.now();
  const lane = (): AuditLaneStats => mesh.audit.stats().adapters[0] as AuditLaneStats;
  const ids = new Set<string>();
  let [mostQueued, mostFill, mostSpilled, mostHeap] = [0, 0, 0, 0];
  collect();
  const heapBefore = process.memoryUsage().heapUsed;
  const look = (): void => {
    const { queued, queueFill, spilled } = lane();
    [mostQueued, mostFill, mostSpilled] = [Math.max(mostQueued, queued), Math.max(mostFill, queueFill), Math.max(mostSpilled, spilled)];
  };
  const looking = setInterval(look, 5);
  const weigh = (): void => {
    collect();
    // An id takes some 100 bytes in the set: the test's own.
    mostHeap = Math.max(mostHeap, process.memoryUsage().heapUsed - heapBefore - 100 * ids.size);
  };
  const record = async (first: number, end: number): Promise<void> => {
    for (let index = first; index < end; index++) {
      ids.add((mesh.audit.record(eventAt(index)) as MeshAuditEvent).id);
      if (index % A_TURN !== 0) continue;
      do {
        await turn();
      } while (lane().queueFill > FULL);
      if (index % 10_000 === 0) weigh();
    }
  };

  // A flush tries at once what waits for its next try: with 30 % of failures ten in a row are no rarity, and the wait after them takes some 20 s.
  const delivered = async (isEnough: () => boolean): Promise<void> => {
    const flushing = setInterval(() => void mesh.audit.flush(), FLUSH_EVERY_MS);
    await until('enough is delivered', isEnough, PATIENCE_MS)
      .catch((error: unknown) => Promise.reject(new Error(`seed ${seed}: ${String(error)}; ${JSON.stringify(lane())}`)))
      .finally(() => clearInterval(flushing));
  };

  await record(0, EVENTS / 2);
  await delivered(() => settled(lane()) >= GONE_AT * EVENTS);
  await sink.down();
  const back = new Promise<void>((resolve) => setTimeout(resolve, AWAY_MS)).then(() => sink.up());
  await record(EVENTS / 2, EVENTS);
  await back;
  weigh();
  await delivered(() => settled(lane()) >= lane().emitted);
  weigh();
  clearInterval(looking);
  return { seed, ids, lane: lane(), mostQueued, mostFill, mostHeap, mostSpilled, ms: performance.now() - from };
}

const settled = ({ filtered, delivered, deadLettered, dropped }: AuditLaneStats): number => filtered + delivered + deadLettered + dropped;

/** What has to hold of the lane, whatever the sink is. */
export function verdictOf({ lane, mostQueued, mostFill, mostHeap }: LosslessRun): Record<string, unknown> {
  const { emitted, filtered, delivered, queued, spilled, deadLettered, dropped, failures } = lane;
  return {
    all: emitted >= EVENTS && filtered + delivered === emitted,
    accountsAgree: emitted === filtered + delivered + queued + spilled + deadLettered + dropped,
    left: queued + spilled,
    deadLettered,
    dropped,
    failed: failures > 10,
    withinBounds: mostQueued <= LANE_EVENTS && mostFill <= 1 && mostHeap < LANE_BYTES + BESIDE_BYTES,
  };
}

export const NOTHING_LOST = { all: true, accountsAgree: true, left: 0, deadLettered: 0, dropped: 0, failed: true, withinBounds: true };

/** For a failing run: what it was. */
export const described = ({ seed, ids, lane, ...figures }: LosslessRun, more: object = {}): string => JSON.stringify({ seed, recorded: ids.size, ...figures, lane, ...more });

/** Faults that were played. */
export const played = (faults: Readonly<Record<string, number>>): number => Object.values(faults).reduce((sum, count) => sum + count, 0);
