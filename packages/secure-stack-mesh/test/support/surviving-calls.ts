import { setTimeout as wait } from 'node:timers/promises';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { Random } from './random.js';
import type { TestMesh } from './test-bed.js';

interface Answer {
  readonly key: string;
  readonly pid: number;
}

interface Api {
  pay(input: { key: string; ms: number }): Answer;
}

/** What became of a call. */
interface Outcome {
  readonly idempotent: boolean;
  readonly tookMs: number;
  readonly answer?: Answer;
  readonly error?: unknown;
}

/** Callers that call without end, every other one calls that may run twice. Each call has a key of its own, and its outcome is kept. */
export class SurvivingCalls {
  readonly #outcomes = new Map<string, Outcome>();
  /** Processes that answered since {@link answeredBy} was asked. */
  readonly #answeredBy = new Set<number>();
  #over = false;
  readonly #callers: Promise<void[]>;

  constructor({ mesh }: TestMesh, random: Random, callers: number, longestMs = 100) {
    const client = mesh.connect<Api>('payments');
    const one = async (caller: number): Promise<void> => {
      const idempotent = caller % 2 === 0;
      for (let count = 0; !this.#over; count++) {
        const key = `${caller}-${count}`;
        const since = performance.now();
        const ended = (how: { answer: Answer } | { error: unknown }): void => void this.#outcomes.set(key, { idempotent, tookMs: performance.now() - since, ...how });
        try {
          const answer = await client.call('pay', { key, ms: random.below(longestMs) }, { idempotent });
          ended({ answer });
          this.#answeredBy.add(answer.pid);
        } catch (error) {
          ended({ error });
          // What fails at once would leave no time for anything else.
          await wait(20);
        }
      }
    };
    this.#callers = Promise.all(Array.from({ length: callers }, (_, caller) => one(caller)));
  }

  get ended(): number {
    return this.#outcomes.size;
  }

  /** The longest that an answer took, in ms. */
  get longestMs(): number {
    return Math.max(...Array.from(this.#outcomes.values(), ({ tookMs }) => tookMs));
  }

  /** @returns who answers from now on */
  answeredBy(): ReadonlySet<number> {
    this.#answeredBy.clear();
    return this.#answeredBy;
  }

  /** Ends when each call has. */
  async end(): Promise<void> {
    this.#over = true;
    await this.#callers;
  }

  get failures(): { readonly key: string; readonly idempotent: boolean; readonly error: unknown }[] {
    return [...this.#outcomes].flatMap(([key, { idempotent, error }]) => (error === undefined ? [] : [{ key, idempotent, error }]));
  }

  /** What is wrong: empty where all that may run twice was answered, and the rest said truly whether it may have run, and never ran twice. */
  problems(runs: ReadonlyMap<string, number>): string[] {
    const wrong: string[] = [];
    for (const [key, { idempotent, answer, error, tookMs }] of this.#outcomes) {
      const ran = runs.get(key) ?? 0;
      const what = `${idempotent ? 'idempotent ' : ''}call ${key}`;
      if (!idempotent && ran > 1) wrong.push(`${what} ran ${ran} times`);
      if (answer !== undefined) {
        if (answer.key !== key) wrong.push(`${what} has the answer of ${answer.key}`);
        if (ran === 0) wrong.push(`${what} was answered and never ran`);
        continue;
      }
      if (!MeshError.is(error)) wrong.push(`${what} failed with ${String(error)}`);
      else if (idempotent) wrong.push(`${what} failed after ${Math.round(tookMs)} ms: ${error.message}`);
      else if (typeof error.mayHaveRun !== 'boolean' || error.code === undefined) wrong.push(`${what} does not say whether it may have run: ${error.message}`);
      else if (!error.mayHaveRun && ran > 0) wrong.push(`${what} has run, and says that it has not: ${error.message}`);
    }
    for (const key of runs.keys()) if (!this.#outcomes.has(key)) wrong.push(`call ${key} ran and never ended`);
    return wrong;
  }
}
