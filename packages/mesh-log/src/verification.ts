/**
 * `authentic`: every record that is not in `notAuthenticated` is what was written, under the given key or kept checkpoint.
 * `consistent`: the log fits itself, which whoever rewrites it whole can also achieve. `tampered`: see `problem`.
 */
export type VerificationStatus = 'authentic' | 'consistent' | 'tampered';

/** Records `from` … `to - 1`. */
export interface RecordRange {
  readonly from: number;
  readonly to: number;
}

/** Records that nothing vouches for. */
export interface UnauthenticatedRange extends RecordRange {
  /**
   * `recovered`: they stood behind the last checkpoint when the writer ended uncleanly. `tail`: no checkpoint covers them yet. `no key`:
   * nothing was given to check them under. `not compared`: all checkpoints that were kept are of records that are no longer there.
   */
  readonly why: 'recovered' | 'tail' | 'no key' | 'not compared';
}

/** Where a log stops fitting. */
export interface VerificationProblem {
  /** The first record that cannot be trusted. */
  readonly record: number;
  /** Name of the segment it is or should be in; absent where the log as a whole is meant. */
  readonly segment?: string;
  readonly text: string;
}

/** What was found out about one log. */
export interface LogVerification {
  readonly directory: string;
  readonly status: VerificationStatus;
  /** Absent where not even a first header could be read. */
  readonly origin?: string;
  /** Records that were read and fit, those that were retired included. */
  readonly size: number;
  /** Base64 Merkle root over them. */
  readonly root: string;
  /** Checkpoints that were read and fit. */
  readonly checkpoints: number;
  readonly notAuthenticated: readonly UnauthenticatedRange[];
  /** Records that retention deleted: they were there, what was in them nobody can check. Absent where the log has a problem: what it says of them proves nothing then. */
  readonly retired?: RecordRange;
  /** Bytes at its end that are no record: a write that a crash or a loss of power cut off. It was never acknowledged. Absent where there are none. */
  readonly unfinishedBytes?: number;
  /** It ends as a writer that was closed leaves it. Else it is being written, its writer died, or its end was cut off. */
  readonly clean: boolean;
  readonly problem?: VerificationProblem;
}

/** What was found out about the logs in a folder. */
export interface AuditVerification {
  /** The worst of them. */
  readonly status: VerificationStatus;
  readonly logs: readonly LogVerification[];
}
