/** How a promise ended, or that it has not. */
export type Outcome<T> = { readonly state: 'fulfilled'; readonly value: T } | { readonly state: 'rejected'; readonly error: unknown } | { readonly state: 'pending' };

/** One full turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits in real time. The timer is not unref'd: it has to keep the process alive while an adapter under test hangs. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Turns that are always waited for: on a machine that stood still, time alone runs out before anything could happen. */
const LEAST_TURNS = 10;

/** How the promise ends within `patienceMs`. Never rejects. */
export function outcomeOf<T>(promise: PromiseLike<T> | T, patienceMs: number): Promise<Outcome<T>> {
  return new Promise((resolve) => {
    const giveUp = async (): Promise<void> => {
      for (let turns = 0; turns < LEAST_TURNS; turns++) await turn();
      resolve({ state: 'pending' });
    };
    const timer = setTimeout(() => void giveUp(), patienceMs);
    const end = (outcome: Outcome<T>): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    Promise.resolve(promise).then(
      (value) => end({ state: 'fulfilled', value }),
      (error: unknown) => end({ state: 'rejected', error }),
    );
  });
}

/** Asks until the answer is yes or `patienceMs` are over. */
export async function eventually(patienceMs: number, ask: () => boolean | Promise<boolean>): Promise<boolean> {
  const until = performance.now() + patienceMs;
  for (let asked = 1; ; asked++) {
    if (await ask()) return true;
    if (asked > LEAST_TURNS && performance.now() > until) return false;
    await (asked <= LEAST_TURNS ? turn() : pause(10));
  }
}
