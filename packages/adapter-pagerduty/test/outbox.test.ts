import { getEventListeners } from 'node:events';
import { expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import { ChangeNote } from '../src/change-note.js';
import { Incident } from '../src/incident.js';
import { Outbox } from '../src/outbox.js';

const FAILED = new MeshError('adapter_failed', 'no', { retryable: true });
const fact = { at: 0, action: 'key.rotated', metadata: {} };

interface Call {
  readonly note: ChangeNote;
  readonly signal: AbortSignal;
  readonly end: (error?: Error) => void;
}

/** An outbox whose calls end when the test says so. */
function makeOutbox() {
  const clock = new FakeClock();
  const calls: Call[] = [];
  const outcomes: (string | undefined)[] = [];
  const outbox = new Outbox<ChangeNote>({
    clock: () => clock,
    random: () => 1,
    onOutcome: (error) => outcomes.push(error?.reason),
    send: (note, _call, signal) =>
      new Promise((resolve, reject) => {
        calls.push({ note, signal, end: (error) => (error === undefined ? resolve() : reject(error)) });
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
  });
  const noteOf = (service: string): ChangeNote => {
    const note = new ChangeNote(service, 'static');
    note.add(fact);
    outbox.touch(note);
    return note;
  };
  return { clock, calls, outbox, outcomes, noteOf };
}

test('four calls at once; one at a time while the sink fails, so that it is not beaten', async () => {
  const { clock, calls, outbox, noteOf } = makeOutbox();
  for (let index = 0; index < 10; index++) noteOf(`s${index}`);
  outbox.pump();
  expect(calls).toHaveLength(4);
  for (const call of calls.splice(0)) call.end(FAILED);
  await clock.advance(249);
  expect(calls).toHaveLength(0);
  await clock.advance(1);
  expect(calls).toHaveLength(1);
  calls[0]?.end();
  await clock.advance(0);
  expect(calls).toHaveLength(5);
  expect(clock.pendingTimers).toBe(0);
});

test('a delivery that is over leaves no listener at its signal, however it ends', async () => {
  const { calls, outbox, noteOf } = makeOutbox();
  const { signal } = new AbortController();
  for (const error of [undefined, new MeshError('sink_refused', 'no', { retryable: false })]) {
    const settled = outbox.settled([noteOf('s')], signal).catch(() => undefined);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    calls.shift()?.end(error);
    await settled;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  }
});

test('an abort ends a call that nobody else waits for, and no other', async () => {
  const { clock, calls, outbox, noteOf } = makeOutbox();
  const note = noteOf('s');
  const [first, second] = [new AbortController(), new AbortController()];
  const [one, other] = [outbox.settled([note], first.signal), outbox.settled([note], second.signal)];
  one.catch(() => undefined);
  first.abort(new Error('too late'));
  await expect(one).rejects.toThrow('too late');
  expect([calls.length, calls[0]?.signal.aborted]).toEqual([1, false]);
  calls[0]?.end();
  await other;
  expect(clock.pendingTimers).toBe(0);
});

test('close() ends who waits, and the calls under way; after it nothing is called and no timer runs', async () => {
  const { clock, calls, outbox, noteOf } = makeOutbox();
  const delivery = outbox.settled([noteOf('a'), noteOf('b')]);
  delivery.catch(() => undefined);
  outbox.close();
  await expect(delivery).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false });
  expect(calls.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  await clock.advance(600_000);
  noteOf('c');
  outbox.pump();
  await clock.advance(600_000);
  expect([calls.length, clock.pendingTimers]).toEqual([2, 0]);
});

test('there is one timer at most, for what is due first', async () => {
  const { clock, calls, outbox, noteOf } = makeOutbox();
  noteOf('a');
  outbox.pump();
  for (let failure = 0; failure < 20; failure++) {
    calls.shift()?.end(FAILED);
    await clock.advance(0);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(120_000);
  }
  calls.shift()?.end();
  await clock.advance(0);
  expect([calls.length, clock.pendingTimers, outbox.isFailing]).toEqual([0, 0, false]);
});

test('what throws at once, or is no MeshError, is a failure like any other', async () => {
  const clock = new FakeClock();
  let tries = 0;
  const outbox = new Outbox<ChangeNote>({
    clock: () => clock,
    send: () => {
      tries++;
      if (tries === 1) throw new TypeError('bad');
      return tries === 2 ? Promise.reject(new Error('odd')) : Promise.resolve();
    },
  });
  const note = new ChangeNote('s', 'static');
  note.add(fact);
  outbox.touch(note);
  const settled = outbox.settled([note]);
  await clock.advance(10_000);
  await settled;
  expect(tries).toBe(3);
});

test('how long until another call may be made: what the sink asked for, or our own limit', async () => {
  const { clock, calls, outbox, noteOf } = makeOutbox();
  for (let index = 0; index < 121; index++) noteOf(`s${index}`);
  outbox.pump();
  for (let call = calls.shift(); call !== undefined; call = calls.shift()) {
    call.end();
    await clock.advance(10);
  }
  expect([outbox.untold.length, outbox.resumesInMs()]).toEqual([1, 60_000 - 1_200]);
  await clock.advance(outbox.resumesInMs());
  calls.shift()?.end(new MeshError('adapter_failed', 'no', { retryable: true, retryAfterMs: 90_000 }));
  await clock.advance(0);
  expect(outbox.resumesInMs()).toBe(90_000);
});

test('one that fails whenever it is told holds back no other', async () => {
  const { clock, calls, outbox, noteOf } = makeOutbox();
  const poison = noteOf('poison');
  // The most urgent of all.
  poison.owes = () => (ChangeNote.prototype.owes.call(poison) === undefined ? undefined : 'trigger');
  const told = new Set<ChangeNote>();
  outbox.pump();
  calls.shift()?.end(FAILED);
  await clock.advance(0);
  const others = Array.from({ length: 8 }, (_, index) => noteOf(`s${index}`));
  for (let round = 0; round < 20; round++) {
    for (const { note, end } of calls.splice(0)) {
      if (note === poison) end(new MeshError('sink_unauthenticated', 'a proxy does not like it', { retryable: false }));
      else end();
      if (note !== poison) told.add(note);
    }
    await clock.advance(60_000);
  }
  expect(told).toEqual(new Set(others));
  expect(outbox.untold).toEqual([poison]);
});

test('what ends by time is told then, also where the clock moves on between two looks at it', async () => {
  const clock = new FakeClock();
  let looks = 0;
  const moving = { now: () => clock.now(), monotonic: () => clock.monotonic() + ++looks / 1_000, setTimeout: (callback: () => void, ms: number) => clock.setTimeout(callback, ms) };
  const told: string[] = [];
  const outbox = new Outbox<Incident>({ clock: () => moving, send: (_incident, call) => Promise.resolve(void told.push(call)) });
  const incident = new Incident({ key: 'mesh/test/s/rateLimited/t', rule: 'rateLimited', service: 's', target: 't' }, { count: 1, windowMs: 60_000, calmMs: 2_500, lasting: false });
  incident.raise({ level: 'raise', rule: 'rateLimited', service: 's', part: '', adopts: true, severity: 'warning', weight: 1, fact }, moving.monotonic());
  outbox.touch(incident);
  outbox.pump();
  await clock.advance(2_400);
  expect(told).toEqual(['trigger']);
  await clock.advance(200);
  expect(told).toEqual(['trigger', 'resolve']);
});
