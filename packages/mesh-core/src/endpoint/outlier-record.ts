/** What {@link OutlierEjection} keeps of an instance. */
export class OutlierRecord {
  succeeded = 0;
  failed = 0;
  failuresInRow = 0;
  /** How often it was ejected, without a long good time in between. */
  ejections = 0;
  /** Monotonic time, in ms; `undefined` = not ejected. */
  ejectedUntil: number | undefined;
  /** When its last ejection ended. */
  returnedAt = -Infinity;

  /** A new count begins. */
  forget(): void {
    this.succeeded = 0;
    this.failed = 0;
  }

  eject(until: number): void {
    this.forget();
    this.failuresInRow = 0;
    this.ejections++;
    this.ejectedUntil = until;
  }

  comeBack(now: number): void {
    this.ejectedUntil = undefined;
    this.returnedAt = now;
  }
}
