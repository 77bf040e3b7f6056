// Shared by the benchmarks of this folder: best of several rounds, so that a busy machine disturbs little. Asserts nothing.

/** Nanoseconds a call: the best of `rounds` rounds after a warm-up. `perCall`: how many operations one call does. */
export function nanoseconds(call, { rounds = 7, roundMs = 120, perCall = 1 } = {}) {
  const runFor = (ms) => {
    const start = performance.now();
    let calls = 0;
    let elapsed;
    do {
      for (let index = 0; index < 16; index++) call();
      calls += 16;
      elapsed = performance.now() - start;
    } while (elapsed < ms);
    return (elapsed * 1e6) / (calls * perCall);
  };
  runFor(roundMs * 2);
  return Math.min(...Array.from({ length: rounds }, () => runFor(roundMs)));
}

export const rounded = (value) => Number(value.toPrecision(3));

/** A JSON-able value whose text has about this many bytes. */
export function jsonOf(bytes) {
  const value = { id: 4711, name: 'order', total: 12.5, items: [] };
  while (JSON.stringify(value).length < bytes) value.items.push({ sku: `item-${value.items.length}`, count: 3, price: 9.99 });
  return value;
}
