/** Some time; the timer only has to be there. */
const A_WHILE_MS = 60_000;

/**
 * Does what must not be cut off, as the end of something: no timer and no server of ours keeps a process alive, so one that awaits only those would end in the middle.
 * @param work bounded: the process stays for as long as it takes
 */
export async function holdProcess<Result>(work: () => Promise<Result>): Promise<Result> {
  const hold = setInterval(() => undefined, A_WHILE_MS);
  try {
    return await work();
  } finally {
    clearInterval(hold);
  }
}
