const STEP_MS = 5;

/**
 * Waits until `holds` does, for what has no event of its own; fails after `patienceMs`, counted in looks and not by the clock: a
 * machine that stood still has given nothing the time to happen.
 */
export async function until(what: string, holds: () => boolean | Promise<boolean>, patienceMs = 8_000): Promise<void> {
  for (let waitedMs = 0; !(await holds()); waitedMs += STEP_MS) {
    if (waitedMs > patienceMs) throw new Error(`not within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}
