import assert from 'node:assert/strict';
import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { AdapterSubject } from '../adapter-description.js';
import type { AdapterCase } from '../case.js';
import { outcomeOf, turn } from '../outcome.js';
import { outputOf } from '../output-tap.js';
import type { Probe } from '../probe.js';
import { MIN_SECRET_LENGTH, printed, SecretSearch } from '../secret-search.js';
import type { Trial } from '../trial.js';

/**
 * Takes an adapter through everything that it may have something to say about, and through its whole life.
 * @param visit called wherever the adapter is in another state; does not throw
 * @returns what its calls rejected with, or threw
 */
async function liveThrough(probe: Probe, visit: () => void = () => undefined): Promise<readonly unknown[]> {
  const errors: unknown[] = [];
  const attempt = async (call: () => PromiseLike<unknown> | undefined): Promise<void> => {
    try {
      const outcome = await outcomeOf(call(), probe.patienceMs);
      if (outcome.state === 'rejected') errors.push(outcome.error);
    } catch (error) {
      errors.push(error);
    }
    visit();
  };
  const open = new AbortController().signal;
  const deliver = (event: MeshAuditEvent, signal = open): (() => PromiseLike<unknown> | undefined) =>
    probe.canBatch ? () => probe.callBatch([event], signal) : () => probe.adapter.logEvent(event);

  visit();
  await attempt(() => probe.adapter.start?.(probe.context()));
  await attempt(deliver(probe.event()));
  await attempt(() => probe.adapter.logEvent(undefined as unknown as MeshAuditEvent));
  for (const kind of probe.support.failures ?? []) {
    await probe.subject.fail?.({ kind, retryAfterMs: kind === 'throttled' ? 1_000 : 0 });
    await attempt(deliver(probe.event()));
    await attempt(() => probe.adapter.logEvent(probe.event()));
    await probe.subject.release?.();
  }
  if (probe.canBatch) {
    const controller = new AbortController();
    if (probe.support.hanging === true) await probe.subject.hang?.();
    const hanging = attempt(deliver(probe.event(), controller.signal));
    await turn();
    visit();
    controller.abort(new MeshError('adapter_timeout', 'no answer', { retryable: true }));
    await hanging;
    await probe.subject.release?.();
  }
  await attempt(() => probe.adapter.flush?.());
  await attempt(() => probe.adapter.close?.());
  await attempt(deliver(probe.event()));
  return errors;
}

/** Looks for the subject's secrets. What it finds it does not show: that has the secret in it. */
class Finder {
  readonly #subject: AdapterSubject;
  #found: string | undefined;

  constructor(subject: AdapterSubject) {
    this.#subject = subject;
  }

  look(what: string, values: readonly unknown[]): void {
    // Asked each time: some secrets are made by the adapter itself, when it first needs them.
    const { secrets = [] } = this.#subject;
    const search = new SecretSearch(secrets);
    if (secrets.some(({ length }) => length < MIN_SECRET_LENGTH)) this.#found ??= `secrets: one has fewer than ${MIN_SECRET_LENGTH} characters, which are found by chance`;
    for (const value of values) {
      const form = search.find(printed(value));
      if (form !== undefined) this.#found ??= `${what} gives a secret away, ${form}`;
    }
  }

  expectNone(): void {
    assert.ok(this.#found === undefined, this.#found);
  }
}

/** A case that takes an adapter through its life and looks. */
const lookingFor =
  (look: (probe: Probe, finder: Finder) => Promise<void>) =>
  async (trial: Trial): Promise<void> => {
    const probe = await trial.construct();
    const finder = new Finder(probe.subject);
    await look(probe, finder);
    finder.expectNone();
  };

/** What the adapter was trusted with comes out nowhere. */
export const SECRET_CASES: readonly AdapterCase[] = [
  {
    name: 'no-secret-when-printed',
    title: 'printing it shows no secret: JSON, text, util.inspect() to the ground, at any time of its life',
    run: lookingFor(async (probe, finder) => void (await liveThrough(probe, () => finder.look('the adapter, printed,', [probe.adapter, { ...probe.adapter }])))),
  },
  {
    name: 'no-secret-in-errors',
    title: 'no error shows a secret, with its stack, causes and details',
    run: lookingFor(async (probe, finder) => finder.look('an error', await liveThrough(probe))),
  },
  {
    name: 'no-secret-in-logs',
    title: 'what it says to the logger, the console, stdout, stderr and the audit trail shows no secret',
    run: lookingFor(async (probe, finder) => {
      const output = await outputOf(async () => void (await liveThrough(probe)));
      finder.look('the operational log', probe.logger.lines);
      finder.look('an event of its own', probe.emitted);
      finder.look('the output', output);
    }),
  },
  {
    name: 'no-secret-in-sink',
    title: 'no secret is among what the sink holds',
    needs: ['events'],
    run: lookingFor(async (probe, finder) => {
      await liveThrough(probe);
      finder.look('a record in the sink', await probe.held());
    }),
  },
];
