import type { AdapterCase } from '../case.js';

/** Two adapters in one process. */
export const ISOLATION_CASES: readonly AdapterCase[] = [
  {
    name: 'two-share-nothing',
    title: 'two of them, each with a sink of its own, do not mix their events',
    run: async (trial) => {
      const [one, other] = [await trial.open(), await trial.open()];
      const ofOne = one.events(6);
      const ofOther = other.events(6);
      for (const [index, event] of ofOne.entries()) {
        const beside = ofOther[index];
        await Promise.all([one.log(event), beside === undefined ? undefined : other.log(beside)]);
      }
      await one.expectHeld(ofOne);
      await other.expectHeld(ofOther);
    },
  },
  {
    name: 'closed-alone',
    title: 'closing one leaves the other as it was',
    run: async (trial) => {
      const [one, other] = [await trial.open(), await trial.open()];
      await one.deliver(one.events(2));
      await other.deliver(other.events(2));
      await one.close();
      await other.deliver(other.events(2));
    },
  },
];
