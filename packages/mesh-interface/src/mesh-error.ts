import { REASONS, type MeshErrorCode, type MeshErrorReason } from './reasons.js';

/** Shared by all installed copies of this package, so that `MeshError.is` works across duplicate installs. */
const brand = Symbol.for('@lemur-bookstores/mesh-error');

/** Everything about an error beside its reason and message. */
export interface MeshErrorOptions {
  /** Overrides the code that the reason belongs to; for a handler's own errors. */
  readonly code?: MeshErrorCode;
  /** What led here. Stays in this process: it never crosses the wire. */
  readonly cause?: unknown;
  /** JSON data for the caller; crosses the wire where it is at most 4 KiB. */
  readonly details?: unknown;
  /** Whether doing the same again may succeed. Default: by code (UNAVAILABLE, RESOURCE_EXHAUSTED, ABORTED). */
  readonly retryable?: boolean;
  /** How long to wait before trying again, in ms. */
  readonly retryAfterMs?: number;
  /**
   * For a call: whether its handler may have run. `false` is a proof (never written, or an authenticated reply says so);
   * `true` means nobody knows (PROTOCOL 1.5). Absent where the question makes no sense.
   */
  readonly mayHaveRun?: boolean;
}

/** The plain form of a {@link MeshError}: what JSON, logs and the wire may show. */
export interface MeshErrorData {
  readonly code: MeshErrorCode;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterMs?: number;
  readonly details?: unknown;
  readonly mayHaveRun?: boolean;
}

/**
 * The one error class. `code` says what kind of trouble (gRPC's names), `reason` exactly which (one table, `docs/errors.md`),
 * the message what to do. A handler may throw one with a reason of its own: code, reason, message, `retryAfterMs` and
 * `details` then reach the caller.
 */
export class MeshError extends Error {
  override readonly name = 'MeshError';
  readonly code: MeshErrorCode;
  readonly reason: string;
  readonly details: unknown;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly mayHaveRun: boolean | undefined;

  constructor(reason: MeshErrorReason | (string & {}), message: string, options: MeshErrorOptions = {}) {
    super(`${reason}: ${message}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.code = options.code ?? (Object.hasOwn(REASONS, reason) ? REASONS[reason as MeshErrorReason] : 'UNKNOWN');
    this.details = options.details;
    this.retryable = options.retryable ?? (this.code === 'UNAVAILABLE' || this.code === 'RESOURCE_EXHAUSTED' || this.code === 'ABORTED');
    this.retryAfterMs = options.retryAfterMs;
    this.mayHaveRun = options.mayHaveRun;
    Object.defineProperty(this, brand, { value: true });
  }

  /** Whether a value is a MeshError, also one made by another installed copy of this package. */
  static is(value: unknown): value is MeshError {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true;
  }

  /** The value itself where it is a MeshError; else a MeshError `unexpected` (or the given reason) with the value as its cause. */
  static from(value: unknown, reason: MeshErrorReason = 'unexpected'): MeshError {
    if (MeshError.is(value)) return value;
    return new MeshError(reason, textOf(value), { cause: value });
  }

  /** The message without the reason in front of it. */
  get text(): string {
    return this.message.startsWith(`${this.reason}: `) ? this.message.slice(this.reason.length + 2) : this.message;
  }

  /** Without cause and stack: what may be shown to others. */
  toJSON(): MeshErrorData {
    return {
      code: this.code,
      reason: this.reason,
      message: this.text,
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
      ...(this.details === undefined ? {} : { details: this.details }),
      ...(this.mayHaveRun === undefined ? {} : { mayHaveRun: this.mayHaveRun }),
    };
  }
}

/** Anything can be thrown: an object without a prototype, or one whose `toString` throws. */
function textOf(value: unknown): string {
  try {
    return value instanceof Error ? value.message : String(value);
  } catch {
    return 'something that cannot be shown was thrown';
  }
}
