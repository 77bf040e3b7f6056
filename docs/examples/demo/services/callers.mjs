import { setTimeout as sleep } from 'node:timers/promises';
import { MeshError } from '@lemur-bookstores/secure-stack-mesh';
import { CallTally } from '../statistics.mjs';

const noOrders = () => ({ charged: [], declined: [], unknown: [] });

/** So many callers at once, each with a pause between its calls, so that all together make a steady load. */
export class Callers {
  #options;
  #tally = new CallTally();
  #orders = noOrders();
  #lastId = 0;
  #running = [];
  #stopped = false;
  /** A service was killed: from then until a call is answered without it. */
  outage;

  /** @param options `callers`, `callsPerSecond` of all together, `call(input)`, `onRecovered(outage)` */
  constructor(options) {
    this.#options = options;
  }

  start() {
    const { callers, callsPerSecond } = this.#options;
    for (let i = 0; i < callers; i++) this.#running.push(this.#run((i * 1_000) / callsPerSecond, (callers * 1_000) / callsPerSecond));
  }

  /** Resolves when the last call has ended. */
  async stop() {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  /** @param since ms since 1970. @param pid of the process that is killed: an answer it had a part in says nothing about recovery */
  beginOutage(since, pid) {
    this.outage = { since, pid, waited: 0 };
  }

  /** What was counted since the last time. */
  takeTally() {
    const tally = this.#tally;
    this.#tally = new CallTally();
    return tally;
  }

  /** Ids of the orders that ended since the last time, by what the callers know of them. */
  takeOrders() {
    const orders = this.#orders;
    this.#orders = noOrders();
    return orders;
  }

  async #run(delayMs, periodMs) {
    await sleep(delayMs);
    while (!this.#stopped) {
      const startedAt = performance.now();
      await this.#callOnce();
      // Late or not, the next one waits: a caller that was held up does not make up for it in a burst.
      await sleep(Math.max(1, startedAt + periodMs - performance.now()));
    }
  }

  async #callOnce() {
    const id = ++this.#lastId;
    const input = { id, book: `ISBN ${Math.floor(Math.random() * 1e9)}`, copies: 1 + Math.floor(Math.random() * 9) };
    const outage = this.outage?.recoveredMs === undefined ? this.outage : undefined;
    const startedAt = performance.now();
    this.#tally.made++;
    try {
      const answer = await this.#options.call(input);
      if (answer.book !== input.book || answer.cents !== input.copies * 1_250) throw new MeshError('wrong_answer', 'not the answer to this call');
      this.#tally.succeed(performance.now() - startedAt, answer.pids);
      if (answer.receipt !== undefined) this.#orders.charged.push(id);
      if (outage !== undefined && !answer.pids.includes(outage.pid)) this.#outlived(outage, answer.pids);
    } catch (cause) {
      const error = MeshError.from(cause);
      // order has run where it says so itself; what counts is whether payment has.
      const mayHaveRun = error.details?.charged === 'no' ? false : error.mayHaveRun;
      this.#tally.fail({ code: error.code, reason: error.reason, mayHaveRun });
      if (error.reason === 'database_down') this.#orders.declined.push(id);
      else if (mayHaveRun !== false) this.#orders.unknown.push(id);
    }
  }

  /** A call that began in the outage waited, and was answered. */
  #outlived(outage, pids) {
    outage.waited++;
    if (outage.recoveredMs !== undefined) return;
    outage.recoveredMs = Date.now() - outage.since;
    outage.recoveredBy = pids;
    this.#options.onRecovered(outage);
  }
}
