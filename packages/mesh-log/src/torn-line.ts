/** What a disk writes whole; the blocks of file systems are multiples of it. */
const SECTOR_BYTES = 512;

/**
 * Whether a line is one that a loss of power left: where blocks of an unsynced write did not reach the disk and the file has its new length
 * all the same, there are zeros instead. They begin with a block, or where the file ended when it was last synced, which is where a line
 * begins, and end with a block. No writer writes a zero byte, and an edited one is no whole block of them.
 * @param offset where the line begins in its file
 */
export function isTorn(line: Buffer, offset: number): boolean {
  const start = line.indexOf(0);
  if (start < 0) return false;
  let end = start;
  while (line[end] === 0) end += 1;
  return (start === 0 || isBlockEdge(offset + start)) && isBlockEdge(offset + end);
}

const isBlockEdge = (offset: number): boolean => offset % SECTOR_BYTES === 0;
