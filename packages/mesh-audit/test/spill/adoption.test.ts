// What another instance left is taken over, whenever the process that does so ends.
import { expect, test } from '@jest/globals';
import type { DiskFault } from '../../../mesh-log/test/support/simulated-disk.js';
import { RecordingAdapter, security, turns } from '../support.js';
import { lane, SpillBed } from './spilling.js';

const down = (): Promise<void> => Promise.reject(new Error('down'));

/** Two instances spill, and are killed. */
async function orphans(): Promise<SpillBed> {
  const bed = new SpillBed();
  const instances = [bed.audit([new RecordingAdapter('sink', down)]), bed.audit([new RecordingAdapter('sink', down)])];
  for (const [index, audit] of instances.entries()) {
    for (let event = 0; event < 3; event++) audit.record(security(`${index}-${event}`));
    await bed.until('it is on disk', () => lane(audit).spilled === 3);
  }
  bed.disk.crash();
  return bed;
}

for (const how of ['crash before', 'crash after', 'fail', 'full'] as const satisfies readonly DiskFault[]) {
  for (const power of [false, true]) {
    test(`${how} at each step${power ? ', with the power' : ''}: nothing is lost, and each instance's events keep their order`, async () => {
      let reached = true;
      let step = 0;
      while (reached) {
        step++;
        const bed = await orphans();
        bed.disk = bed.disk.restart('kill', ({ number }) => (number === step ? how : undefined));
        bed.claims.held.clear();
        const first = new RecordingAdapter('sink', down);
        const taking = bed.audit([first]);
        taking.record(security('own'));
        await bed.clock.advance(10);
        await turns(40);
        reached = bed.disk.steps >= step && step < 60;
        bed.disk.crash();
        bed.disk = bed.disk.restart(power ? () => 0 : 'kill');
        bed.claims.held.clear();
        const sink = new RecordingAdapter('sink');
        const last = bed.audit([sink]);
        last.record(security('last'));
        await bed.until('all is delivered', () => sink.events.some(({ details }) => details.action === 'last') && lane(last).spilled + lane(last).queued === 0, 100);
        const actions = [...new Set(sink.events.map(({ details }) => details.action))];
        for (const index of [0, 1]) expect([step, actions.filter((action) => action.startsWith(`${index}-`))]).toEqual([step, [0, 1, 2].map((event) => `${index}-${event}`)]);
        await bed.close(last);
      }
      // Among them those of the adoption: renames, and the syncs of both folders.
      expect(step).toBeGreaterThan(10);
    });
  }
}
