/** Waits until `holds` does, for what has no event of its own; fails after `patienceMs`. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, patienceMs = 8_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
