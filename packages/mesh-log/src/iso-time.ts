/** Seconds of the years 1970 to 9999, in which the form has no sign. */
const SECONDS = 253_402_300_800;

let lastSecond = -1;
let lastText = '';

/** What `new Date(time).toISOString()` gives: events of the same second share the most of it. @param time ms since 1970, a valid date's */
export function isoTime(time: number): string {
  const second = Math.floor(time / 1000);
  if (second < 0 || second >= SECONDS) return new Date(time).toISOString();
  if (second !== lastSecond) {
    lastText = new Date(second * 1000).toISOString().slice(0, -4);
    lastSecond = second;
  }
  const ms = time - second * 1000;
  return `${lastText}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`;
}
