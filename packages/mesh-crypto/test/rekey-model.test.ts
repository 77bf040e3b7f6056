import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { deliver, endsOf, settle, type End, type Ends } from './support/rekeying-ends.js';
import { thrown } from './support/vectors.js';

type Side = 'dialler' | 'acceptor';

/** What two ends over a link that never reorders must show, however their steps interleave, until it loses something. */
interface Model {
  /** By sender, in order. */
  readonly sent: Record<Side, string[]>;
  cut: boolean;
}

const otherOf = (side: Side): Side => (side === 'dialler' ? 'acceptor' : 'dialler');
/** Over all runs: what the test did at all. */
const seen = { rekeys: 0, holds: 0, cuts: 0, losses: 0, lossesInRekeys: 0, most: 0 };

/** What came is a beginning of what was sent; neither end is more than an epoch ahead, and never the acceptor. */
function check({ sent }: Model, ends: Ends): void {
  for (const side of ['dialler', 'acceptor'] as const) {
    const wrong = ends[otherOf(side)].received.findIndex((text, index) => text !== sent[side][index]);
    expect([side, wrong]).toEqual([side, -1]);
  }
  const ahead = ends.dialler.channel.epoch - ends.acceptor.channel.epoch;
  expect(ahead === 0 || ahead === 1).toBe(true);
}

/** What a step does to both. */
type Act = (model: Model, ends: Ends) => void | Promise<void>;

class Step implements fc.AsyncCommand<Model, Ends> {
  readonly #label: string;
  readonly #act: Act;

  constructor(label: string, act: Act) {
    this.#label = label;
    this.#act = act;
  }

  check({ cut }: Readonly<Model>): boolean {
    return !cut;
  }

  async run(model: Model, ends: Ends): Promise<void> {
    await this.#act(model, ends);
    // The one failure there may be: no answer in 30 s, and then all records of a key were used up.
    for (const { failure, heard } of [ends.dialler, ends.acceptor]) {
      if (failure === undefined) continue;
      expect([failure.reason, heard.includes('spent: no-answer')]).toEqual(['key_expired', true]);
      model.cut = true;
    }
    check(model, ends);
  }

  toString(): string {
    return this.#label;
  }
}

const sends = (side: Side, count: number): Step =>
  new Step(`${side} sends ${count}`, ({ sent }, ends) => {
    const end: End = ends[side];
    for (let index = 0; index < count; index++) {
      const text = `${side} ${sent[side].length}`;
      if (end.rekeying.holds) {
        seen.holds++;
        expect(thrown(() => end.send(text))).toMatchObject({ reason: 'key_expired' });
      } else {
        end.send(text);
        sent[side].push(text);
      }
    }
  });
const arrive = (side: Side, count: number): Step => new Step(`${count} of the ${side} arrive`, (_model, ends) => deliver(ends[side], ends[otherOf(side)], count));
const allArrive = new Step('all arrives', (_model, ends) => settle(ends));
const rekeys = (side: Side): Step => new Step(`${side} rekeys`, (_model, ends) => void ends[side].rekeying.rekey('manual'));
const passes = (ms: number): Step => new Step(`${ms} ms pass`, (_model, { clock }) => clock.advance(ms));
const drains = (side: Side): Step => new Step(`${side} drains`, (_model, ends) => ends[side].rekeying.drain());
/** What is on the way is lost; both ends notice. */
const cut = new Step('the link is cut', (model, { dialler, acceptor, clock }) => {
  model.cut = true;
  seen.cuts++;
  const late = [...dialler.outbox];
  for (const end of [dialler, acceptor]) {
    end.outbox.length = 0;
    end.channel.destroy();
    expect(thrown(() => end.send('x'))).toMatchObject({ reason: 'session_closed' });
    expect(end.rekeying.rekey('manual')).toBe(false);
  }
  for (const record of late) expect(thrown(() => acceptor.take(record))).toMatchObject({ reason: 'session_closed' });
  expect(clock.pendingTimers).toBe(0);
});

/** The link loses some of what a side has sent: the first record behind the gap, whatever it is, ends the session, and nothing of it is delivered. */
const loses = (side: Side, after: number, many: number): Step =>
  new Step(`the link loses ${many} of the ${side}, after ${after}`, (model, ends) => {
    const [end, other] = [ends[side], ends[otherOf(side)]];
    deliver(end, other, after);
    const lost = end.outbox.splice(0, many);
    if (end.outbox.length === 0 && lost.length > 0 && !end.rekeying.holds) end.send('behind the gap');
    if (end.outbox.length === 0) return void end.outbox.push(...lost);
    if (lost.length === 0) return;
    seen.losses++;
    if (end.rekeying.pending || other.rekeying.pending) seen.lossesInRekeys++;
    const received = [...other.received];
    expect(['record_invalid', 'protocol_violation']).toContain((thrown(() => deliver(end, other, 1)) as { reason?: string }).reason);
    expect(other.received).toEqual(received);
    expect(thrown(() => other.send('x'))).toMatchObject({ reason: 'session_closed' });
    end.channel.destroy();
    model.cut = true;
  });

const side = fc.constantFrom<Side>('dialler', 'acceptor');
const count = fc.integer({ min: 1, max: 25 });
const seldom = [cut, drains('dialler'), drains('acceptor')];
const commands = fc.commands(
  [
    fc.tuple(side, fc.integer({ min: 1, max: 70 })).map(([who, many]) => sends(who, many)),
    fc.tuple(side, count).map(([who, many]) => arrive(who, many)),
    fc.tuple(side, count).map(([who, many]) => arrive(who, many)),
    fc.constant(allArrive),
    side.map(rekeys),
    fc.integer({ min: 0, max: 200 }).map(passes),
    fc.integer({ min: 0, max: 4_000 }).map(passes),
    fc.integer({ min: 0, max: 20 }).map((dice) => seldom[dice] ?? arrive('dialler', 1)),
    fc.tuple(side, fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 8 })).map(([who, after, many, dice]) => (dice === 0 ? loses(who, after, many) : allArrive)),
  ],
  { maxCommands: 120, size: 'max' },
);

const rotation = fc.record({ interval: fc.constantFrom(3_000, 60_000), minIntervalMs: fc.constantFrom(0, 100), maxRecords: fc.constantFrom(16, 40, 2 ** 20) });

test('any interleaving of sending, delivery, rekeys by either side, time, drains, losses and a cut', async () => {
  await fc.assert(
    fc.asyncProperty(commands, rotation, rotation, fc.constantFrom('aesgcm' as const, 'chachapoly' as const), async (steps, own, theirs, suite) => {
      // Hard limits far off: that they end a session whose peer does nothing is shown elsewhere. The same records at both ends.
      const far = { rejectAfterMs: 10_000_000, maxRecords: own.maxRecords };
      const ends = endsOf({ suite, rotation: { ...own, ...far }, acceptorRotation: { ...theirs, ...far } });
      const model: Model = { sent: { dialler: [], acceptor: [] }, cut: false };
      await fc.asyncModelRun(() => ({ model, real: ends }), steps);
      const { dialler, acceptor, clock } = ends;
      seen.rekeys += dialler.rotations.length;
      seen.most = Math.max(seen.most, dialler.channel.epoch);
      if (model.cut) return;
      // Whatever was under way comes to its end, and everything has arrived.
      for (let round = 0; round < 4; round++) {
        settle(ends);
        await clock.advance(100);
      }
      settle(ends);
      check(model, ends);
      expect([acceptor.received, dialler.received]).toEqual([model.sent.dialler, model.sent.acceptor]);
      expect(dialler.channel.epoch).toBe(acceptor.channel.epoch);
      expect(dialler.rekeying.usage.keyId).toBe(acceptor.rekeying.usage.keyId);
      expect(dialler.rotations.map(({ keyId }) => keyId)).toEqual(acceptor.rotations.map(({ keyId }) => keyId));
    }),
    { numRuns: 300 },
  );
  // It would prove little if none of this had happened.
  expect(seen.rekeys).toBeGreaterThan(200);
  expect(seen.holds).toBeGreaterThan(50);
  expect(seen.cuts).toBeGreaterThan(10);
  expect(seen.losses).toBeGreaterThan(10);
  expect(seen.lossesInRekeys).toBeGreaterThan(3);
  expect(seen.most).toBeGreaterThan(5);
});
