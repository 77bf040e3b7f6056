const UNITS = [['d', 86_400], ['h', 3_600], ['min', 60]] as const;

/** A span of time in one unit, as people say it: `3 d`, `5 h`, `12 min`, `7 s`. */
export function timeSpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const [unit, inSeconds] = UNITS.find(([, size]) => seconds >= 2 * size) ?? ['s', 1];
  return `${Math.floor(seconds / inSeconds)} ${unit}`;
}
