// One way to a remote sink in a process of its own: `node sender-process.mjs <way> <url>`.
import { silentLogger } from '../../../packages/mesh-interface/dist/index.js';
import { AuditLogger } from '../../../packages/mesh-audit/dist/index.js';
import { answerTasks } from '../tasks.mjs';
import { makeEvents, makeInput } from './events.mjs';
import { WAYS } from './ways.mjs';

const BATCH = 500;
/** Recorded in one turn of the event loop, and how full the lane may be before there is a pause. */
const A_TURN = 100;
const FULL = 0.5;

const [name, url] = process.argv.slice(2);
const way = await WAYS[name](url);
const turn = () => new Promise((resolve) => setImmediate(resolve));
/** Turns alone would cost CPU that is nobody's. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 1));

/** What `run` took, of the clock and of this process. @param events counted */
async function measured(events, run) {
  globalThis.gc();
  const cpu = process.cpuUsage();
  const from = performance.now();
  await run();
  const ms = performance.now() - from;
  const { user, system } = process.cpuUsage(cpu);
  return { events, ms, cpuMs: (user + system) / 1_000 };
}

answerTasks({
  /** As a lane does it: a batch at a time, the next one when the sink has it. */
  batches: ({ events }) => {
    const all = makeEvents(events);
    const batches = Array.from({ length: Math.ceil(events / BATCH) }, (_, index) => all.slice(index * BATCH, (index + 1) * BATCH));
    const prepared = way.prepare?.(batches) ?? batches;
    return measured(events, () => way.send(prepared));
  },
  /** From `record()` until the adapter has the last one. Recorded as fast as the lane takes them. */
  lane: async ({ events }) => {
    const audit = new AuditLogger({ serviceId: 'order-service', adapters: [way.adapter], logger: silentLogger });
    const lane = () => audit.stats().adapters[0];
    const result = await measured(events, async () => {
      for (let index = 0; index < events; index += 1) {
        audit.record(makeInput(index));
        if (index % A_TURN === 0) {
          await turn();
          while (lane().queueFill > FULL) await pause();
        }
      }
      await audit.flush();
    });
    const { delivered, filtered, dropped, deadLettered, queued } = lane();
    if (filtered + delivered !== events) throw new Error(`${name}: ${filtered + delivered} of ${events} delivered, ${queued} queued, ${dropped} dropped, ${deadLettered} refused`);
    return result;
  },
});
