// Shared by the benchmarks of this folder: best of several rounds, so that a busy machine disturbs little. Asserts nothing.

/** Microseconds a call: the best of `rounds` rounds after a warm-up. */
export function microseconds(call, { rounds = 7, roundMs = 120 } = {}) {
  const runFor = (ms) => {
    const start = performance.now();
    let calls = 0;
    while (performance.now() - start < ms) {
      for (let index = 0; index < 8; index++) call();
      calls += 8;
    }
    return ((performance.now() - start) * 1000) / calls;
  };
  runFor(roundMs * 2);
  return Math.min(...Array.from({ length: rounds }, () => runFor(roundMs)));
}

export const rounded = (value) => Number(value.toPrecision(3));
