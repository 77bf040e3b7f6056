import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';
import { answerFailure, jsonIn, type Credential, type HttpSink, type SinkAnswer } from '@lemur-bookstores/mesh-sink';

/** One of many that are sent in one request. */
export interface Piece {
  readonly json: string;
  readonly bytes: number;
  /** Called once Datadog has taken it over. */
  taken(): void;
  /** Called once Datadog has said that it will never take it. Without it pieces are all alike: where one is too large the others are as well, and not tried. */
  refused?(error: MeshError): void;
}

/** One of Datadog's intakes. */
export interface IntakeOptions {
  readonly sink: HttpSink;
  readonly url: URL;
  readonly apiKey: Credential;
  readonly clock: () => Clock;
  /** What stands before the pieces, which commas separate, and behind them. */
  readonly open: string;
  readonly close: string;
  /** Of a request, before it is packed. */
  readonly maxBytes: number;
  /** Of a request. */
  readonly maxPieces: number;
}

/** Sends pieces in as few requests as the intake's limits allow, in their order. */
export class DatadogIntake {
  readonly #options: IntakeOptions;
  readonly #where: string;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#where = `Datadog at ${options.url.origin}`;
  }

  /**
   * Resolves when all of them are taken over. What was before a failure stays taken: `taken()` says which.
   * @throws MeshError why not, the signal's reason
   */
  async post(pieces: readonly Piece[], signal?: AbortSignal): Promise<void> {
    let refusal: MeshError | undefined;
    for (const request of this.#requestsOf(pieces)) refusal = (await this.#postOrHalve(request, signal)) ?? refusal;
    if (refusal !== undefined) throw refusal;
  }

  /** @returns why single pieces are refused; others do not suffer from them */
  async #postOrHalve(pieces: readonly Piece[], signal: AbortSignal | undefined): Promise<MeshError | undefined> {
    const failure = await this.#request(pieces, signal);
    if (failure === undefined) {
      for (const piece of pieces) piece.taken();
      return undefined;
    }
    if (failure.reason !== 'sink_too_large') throw failure;
    const [first] = pieces;
    if (pieces.length === 1 && first !== undefined) {
      if (first.refused === undefined) throw failure;
      first.refused(failure);
      return failure;
    }
    // A proxy before Datadog may have a lower limit than Datadog itself.
    const middle = pieces.length >> 1;
    const refusal = await this.#postOrHalve(pieces.slice(0, middle), signal);
    return (await this.#postOrHalve(pieces.slice(middle), signal)) ?? refusal;
  }

  async #request(pieces: readonly Piece[], signal: AbortSignal | undefined): Promise<MeshError | undefined> {
    const { sink, url, apiKey, clock, open, close } = this.#options;
    const body = open + pieces.map(({ json }) => json).join(',') + close;
    const headers = { 'content-type': 'application/json', accept: 'application/json', 'dd-api-key': apiKey };
    const answer = await sink.send({ url, headers, body, gzip: true, ...(signal === undefined ? {} : { signal }) });
    return answerFailure(withRetryAfter(answer), this.#where, clock().now()) ?? this.#notTaken(answer);
  }

  /** A gateway that wants somebody to log in says 200 as well. Datadog says `{}` or `{"errors":[]}`, Observability Pipelines nothing. */
  #notTaken({ status, text, truncated }: SinkAnswer): MeshError | undefined {
    const said = truncated ? undefined : text.trim() === '' ? {} : jsonIn(text);
    if (said === undefined) return new MeshError('adapter_failed', `${this.#where} answered ${status}, but not as Datadog does: is there a proxy that answers itself?`, { retryable: true });
    const errors = said['errors'];
    if (!Array.isArray(errors) || errors.length === 0) return undefined;
    return answerFailure({ status: 400, headers: {}, text, truncated }, this.#where, 0);
  }

  *#requestsOf(pieces: readonly Piece[]): Generator<readonly Piece[]> {
    const { maxBytes, maxPieces, open, close } = this.#options;
    const frame = open.length + close.length;
    let begin = 0;
    let bytes = frame;
    for (const [index, piece] of pieces.entries()) {
      // One for its comma; the last has none, and a byte stays free.
      if (index > begin && (bytes + piece.bytes + 1 > maxBytes || index - begin >= maxPieces)) {
        yield pieces.slice(begin, index);
        begin = index;
        bytes = frame;
      }
      bytes += piece.bytes + 1;
    }
    if (begin < pieces.length) yield pieces.slice(begin);
  }
}

/** Datadog's own header of 429: in how many seconds its count begins anew. */
function withRetryAfter(answer: SinkAnswer): SinkAnswer {
  const reset = answer.headers['x-ratelimit-reset'];
  if (answer.status !== 429 || answer.headers['retry-after'] !== undefined || typeof reset !== 'string') return answer;
  return { ...answer, headers: { ...answer.headers, 'retry-after': reset } };
}
