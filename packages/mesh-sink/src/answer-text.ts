import type { Credential } from './credential.js';

/** Collects an answer up to a bound. */
export class AnswerText {
  readonly #maxBytes: number;
  readonly #secrets: readonly Credential[];
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #truncated = false;

  /** @param secrets that are taken out: a server may repeat what it got */
  constructor(maxBytes: number, secrets: readonly Credential[]) {
    this.#maxBytes = maxBytes;
    this.#secrets = secrets;
  }

  /** Whether there was more than is kept. */
  get truncated(): boolean {
    return this.#truncated;
  }

  /** @returns whether more may come */
  add(chunk: Buffer): boolean {
    const room = this.#maxBytes - this.#bytes;
    this.#truncated = chunk.length > room;
    const kept = this.#truncated ? chunk.subarray(0, room) : chunk;
    this.#chunks.push(kept);
    this.#bytes += kept.length;
    return !this.#truncated;
  }

  /** What is no UTF-8 is replaced. A secret that the bound cuts in two is gone with the line it stands in, or not there: the end is cut by as much as a secret is long. */
  read(): string {
    const text = Buffer.concat(this.#chunks).toString('utf8');
    const whole = this.#secrets.reduce((said, secret) => secret.redact(said), text);
    const longest = Math.max(0, ...this.#secrets.map((secret) => secret.reveal().length));
    return this.#truncated ? whole.slice(0, Math.max(0, whole.length - longest)) : whole;
  }
}
