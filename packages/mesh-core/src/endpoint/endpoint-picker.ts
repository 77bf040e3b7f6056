import type { Endpoint } from './endpoint.js';
import { SLOW_MS } from './endpoint-load.js';
import type { LoadBalancingStrategy } from './load-balancing.js';
import type { SlowStart } from './slow-start.js';

/** What a choice goes by. */
export type Candidate = Pick<Endpoint, 'session' | 'load' | 'node'>;

/** Chooses among two candidates or more. One without a session is chosen only where no draw had one. */
export type EndpointPicker = <Instance extends Candidate>(candidates: readonly Instance[], now: number) => Instance;

/** Draws before one is taken although it has only begun: that is when all drawn have. */
const MAX_DRAWS = 8;
/** Costs that differ by less than this factor are the same: what one answer happened to take must not decide all that follow. */
const NEAR = 1.25;
/** Part of each cost, in ms: how long a busy event loop makes anybody wait. */
const NOISE_MS = 1;

/** Makes the picker of a strategy; each service has its own. */
export function endpointPicker(strategy: LoadBalancingStrategy, slowStart: SlowStart, random: () => number = Math.random): EndpointPicker {
  if (strategy === 'least-loaded') return twoChoices(slowStart, random);
  let turn = Math.floor(random() * 0x7fffffff);
  const draw =
    strategy === 'random'
      ? <Instance>(candidates: readonly Instance[]) => candidates[Math.floor(random() * candidates.length)] as Instance
      : <Instance>(candidates: readonly Instance[]) => candidates[(turn = (turn + 1) % 0x7fffffff) % candidates.length] as Instance;
  return (candidates, now) => {
    let drawn = draw(candidates);
    for (let i = 1; i < MAX_DRAWS && !fits(drawn, now); i++) drawn = draw(candidates);
    return drawn;
  };

  function fits({ session, load }: Candidate, now: number): boolean {
    return session !== undefined && slowStart.admits(load, now, random);
  }
}

/** The better of two drawn at random: nearly as good as the best of all, and callers that know nothing of each other do not all find the same one. */
function twoChoices(slowStart: SlowStart, random: () => number): EndpointPicker {
  return <Instance extends Candidate>(candidates: readonly Instance[], now: number): Instance => {
    const { length } = candidates;
    let better = candidates[0] as Instance;
    for (let i = 0; i < MAX_DRAWS; i++) {
      const first = Math.floor(random() * length);
      const other = Math.floor(random() * (length - 1));
      const a = candidates[first] as Instance;
      const b = candidates[other >= first ? other + 1 : other] as Instance;
      better = lessLoaded(a, b, now);
      if (better.session === undefined) continue;
      if (slowStart.admits(better.load, now, random)) return better;
      const spare = better === a ? b : a;
      if (spare.session !== undefined && slowStart.admits(spare.load, now, random)) return spare;
    }
    return better;
  };
}

/** By cost times calls in flight. Alike, it is the first, which was drawn at random. */
function lessLoaded<Instance extends Candidate>(a: Instance, b: Instance, now: number): Instance {
  const inA = a.session?.outstanding ?? Infinity;
  const inB = b.session?.outstanding ?? Infinity;
  const costA = costOf(a, inA, now);
  const costB = costOf(b, inB, now);
  if (costA <= costB * NEAR && costB <= costA * NEAR) return inB < inA ? b : a;
  return costB * (inB + 1) < costA * (inA + 1) ? b : a;
}

/** One that nothing is known of is tried, with one call; until that is answered it is taken for slow. */
function costOf({ load, session }: Candidate, outstanding: number, now: number): number {
  if (session === undefined) return Infinity;
  // One that hangs gives no answer to learn from: what is known of it would only get better with time.
  const silentMs = session.silentMs(now);
  if (load.latency.known) return Math.max(load.latency.at(now), silentMs) + NOISE_MS;
  return outstanding === 0 ? 0 : SLOW_MS;
}
