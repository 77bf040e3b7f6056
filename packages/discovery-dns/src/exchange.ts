import type { Clock } from '@lemur-bookstores/mesh-interface';
import { decodeResponse, type DnsQuestion, type DnsResponse } from './dns-message.js';

/** A question on its way to a server. */
export interface DnsQuery {
  readonly id: number;
  readonly question: DnsQuestion;
  readonly message: Buffer;
}

export interface ExchangeParts {
  readonly clock: Clock;
  /** How long the answer may take, in ms. */
  readonly timeoutMs: number;
  /** Aborted when it all ends. */
  readonly signal: AbortSignal;
}

/** What a way of asking does with its socket. */
export interface Settle {
  readonly answered: (response: DnsResponse) => void;
  readonly failed: (error: Error) => void;
}

/** Runs one exchange to its end: an answer, an error, the timeout, or the abort; then closes its socket. @param open sends, and returns what closes */
export function exchange(parts: ExchangeParts, open: (settle: Settle) => () => void): Promise<DnsResponse> {
  const { clock, timeoutMs, signal } = parts;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => settle.failed(new Error('was not waited for: discovery is closed'));
    const timer = clock.setTimeout(() => settle.failed(new Error(`gave no answer within ${Math.ceil(timeoutMs)} ms`)), timeoutMs);
    let close = (): void => {};
    let ended = false;
    const end = (): void => {
      ended = true;
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      close();
    };
    const settle: Settle = {
      answered: (response) => {
        end();
        resolve(response);
      },
      failed: (error) => {
        end();
        reject(error);
      },
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    close = open(settle);
    // It may have failed before there was anything to close.
    if (ended) close();
  });
}

/**
 * The response where a message is one to this very query. Anything else may come from who guesses: it is passed over, and the answer waited for.
 * @throws Error it is, and makes no sense
 */
export function responseTo({ id, question }: DnsQuery, message: Buffer): DnsResponse | undefined {
  if (message.length < 12 || message.readUInt16BE(0) !== id) return undefined;
  let response: DnsResponse;
  try {
    response = decodeResponse(message);
  } catch (error) {
    throw new Error(`sent what is no DNS message (${(error as Error).message})`, { cause: error });
  }
  const asked = response.question;
  return response.isResponse && asked?.name === question.name && asked.type === question.type ? response : undefined;
}
