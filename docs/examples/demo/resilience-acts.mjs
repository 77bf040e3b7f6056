import { once } from 'node:events';
import { RATE_LIMIT } from './options.mjs';
import { ms, number, percent } from './screen.mjs';
import { SECOND } from './stage.mjs';

/** What is shown of calls that survive: an instance comes and goes, a breaker opens and closes, a caller is limited. */
export class ResilienceActs {
  /** The second payment: `{ process, orderPid, atFirst, later, answered, alone, failed }`; `answered` by both while they were two, `alone` by the first afterwards. */
  second;
  /** order's breaker, by its trail, and what payment had a part in answering when it had closed: `{ pid, transitions, answeredSince }`. */
  breaker;
  /** What the crawler counted, and what became of the gateway's calls meanwhile. */
  crawl;
  #stage;
  #narrator;
  #waiting;
  #options;

  constructor({ stage, narrator, waiting, options }) {
    this.#stage = stage;
    this.#narrator = narrator;
    this.#waiting = waiting;
    this.#options = options;
  }

  /** Another payment is started under load, takes part of it, and leaves again. Nobody is told: order finds it by its name. */
  async addAnInstance() {
    const say = this.#narrator;
    const { tally } = this.#stage;
    await this.#waiting.time(this.#options.secondAtMs);
    const [first, order] = ['payment', 'order'].map((name) => this.#stage.process(name));
    await this.#waiting.figuresOf('gateway');
    const failed = tally.failed;
    const alone = tally.answeredBy.get(first.pid) ?? 0;
    const second = this.#stage.start(SECOND, 'payment');
    const share = this.#shareOf(second, first);
    say.start('a second payment is started under load', 'nobody is told: order finds it by its name');
    await this.#waiting.until(second.ready());
    const isFound = await this.#waiting.happens(() => tally.answeredBy.has(second.pid));
    const atFirst = share();
    if (!isFound) say.bad(`order did not find it (pid ${second.pid})`);
    else say.good(`order (pid ${order.pid} as before) found pid ${second.pid}: calls go to both`);
    await this.#waiting.pause(this.#options.slowStartMs);
    await this.#waiting.figuresOf('gateway');
    share();
    await this.#waiting.pause(this.#options.slowStartMs / 4);
    await this.#waiting.figuresOf('gateway');
    const later = share();
    const answered = [first, second].map(({ pid }) => tally.answeredBy.get(pid) ?? 0);
    answered[0] -= alone;
    say.detail(`of order's calls it got ${percent(atFirst)} at first, ${percent(later)} after ${ms(this.#options.slowStartMs)}${later > atFirst ? ': a slow start' : ''}`);
    say.news('it gets a SIGTERM, as from an orchestrator: it ends what it has, and leaves');
    await this.#waiting.until(second.terminate());
    await this.#waiting.figuresOf('gateway');
    const before = tally.answeredBy.get(first.pid);
    await this.#waiting.happens(() => tally.answeredBy.get(first.pid) > before);
    this.second = { process: second, orderPid: order.pid, atFirst, later, answered, alone: tally.answeredBy.get(first.pid) - before, failed: tally.failed - failed };
    const text = `it is gone (${second.exit.signal ?? `exit ${second.exit.code}`}): it answered ${number(tally.answeredBy.get(second.pid) ?? 0)} calls`;
    if (this.second.failed > 0) say.bad(`${text}, ${number(this.second.failed)} failed`);
    else say.good(`${text}, none failed for it`);
  }

  /**
   * payment's database is down, so that payment answers UNAVAILABLE. There is one payment again: of several, the others would take its calls, and after
   * failures in a row the balancer would leave it out before its breaker shows. Here nobody else can, and what is seen is the breaker.
   */
  async breakTheDatabase() {
    const say = this.#narrator;
    const { tally, trail } = this.#stage;
    await this.#waiting.time(this.#options.breakerAtMs);
    const [payment, order] = ['payment', 'order'].map((name) => this.#stage.process(name));
    const transitions = () => trail.breakersOf(order.pid, 'payment');
    const startedAt = performance.now();
    say.start("payment's database is down: payment answers UNAVAILABLE", 'there is one payment again: nobody else takes its calls, its breaker is what is seen');
    payment.tell({ type: 'database', down: true });
    await this.#waiting.happens(() => transitions().length >= 1);
    const [opened] = transitions();
    if (opened === undefined) return say.bad("order's breaker did not open");
    say.warn(`order's breaker is open: ${opened.failures} calls in a row had failed`, `audited: breaker.opened, ${opened.endpoint}, for ${ms(opened.openForMs)}`);
    await this.#waiting.happens(() => transitions().some(({ from }) => from === 'half-open'));
    const again = transitions().find(({ from }) => from === 'half-open');
    if (again === undefined) return say.bad('no call was let through to see how payment is');
    say.warn('half-open: one call is let through, and fails: open again', `audited: breaker.half_open; breaker.opened, for ${ms(again.openForMs)}`);
    payment.tell({ type: 'database', down: false });
    say.news('the database is back');
    const isClosed = await this.#waiting.happens(() => transitions().at(-1).to === 'closed');
    await this.#waiting.figuresOf('order', 'gateway');
    // A price is told without payment.
    const answeredByPayment = () => tally.answeredBy.get(payment.pid) ?? 0;
    const before = answeredByPayment();
    await this.#waiting.happens(() => answeredByPayment() > before);
    this.breaker = { pid: order.pid, transitions: transitions(), answeredSince: answeredByPayment() - before };
    if (!isClosed) return say.bad("order's breaker did not close");
    const { refusals: took } = this.#stage.breakers.get(order.pid);
    say.good(`half-open, and closed: calls go through again, ${ms(performance.now() - startedAt)} after the first failure`, 'audited: breaker.half_open, breaker.closed');
    say.detail(`${number(took.count)} calls failed at once with circuit_open (p50 ${ms(took.percentile(0.5))}); none of them got to payment`);
  }

  /** A service that everybody trusts asks for more than its share: its own calls are refused, and nobody else's. */
  async limitACrawler() {
    const say = this.#narrator;
    const { tally } = this.#stage;
    await this.#waiting.time(this.#options.crawlAtMs);
    const { maxRequests, windowMs } = RATE_LIMIT.methods.price;
    const crawler = this.#stage.start('crawler');
    await this.#waiting.until(crawler.ready());
    await this.#waiting.figuresOf('order', 'gateway');
    const before = { prices: this.#stage.prices.gateway ?? 0, answered: tally.answered, failed: tally.failed };
    const told = once(crawler, 'crawled');
    say.start(`a crawler (pid ${crawler.pid}) wants all prices at once`, `order tells each caller ${number(maxRequests)} in ${ms(windowMs)}; gateway asks for 20 a second`);
    crawler.tell({ type: 'crawl', ms: this.#options.crawlMs });
    const [{ crawl } = {}] = (await this.#waiting.withPatience(told)) ?? [];
    const asked = () => (this.#stage.prices.gateway ?? 0) - before.prices;
    await this.#waiting.happens(() => asked() > 0);
    await this.#waiting.figuresOf('order', 'gateway');
    if (crawl === undefined) return say.bad('the crawler did not come to an end');
    this.crawl = { ...crawl, servedByOrder: this.#stage.prices.crawler, prices: asked(), answeredToOthers: tally.answered - before.answered, failedToOthers: tally.failed - before.failed };
    await this.#waiting.until(crawler.stop());
    const text = `${number(crawl.refused)} of its ${number(crawl.made)} calls were refused: RESOURCE_EXHAUSTED, rate_limited`;
    say.warn(text, `it was told to come back in ${crawl.retryAfterMs.join(' to ')} ms; ${crawl.served} of ${crawl.polite} times that it did so it was served`);
    const { prices, answeredToOthers, failedToOthers } = this.crawl;
    const others = `the gateway's calls went on: ${number(answeredToOthers)} answered, ${number(prices)} of them prices, ${number(failedToOthers)} failed`;
    if (failedToOthers > 0) say.bad(others);
    else say.good(others);
  }

  /** @returns a function that gives the share of `one` in the answers of both since it was asked last; `undefined` where it has none */
  #shareOf(one, other) {
    const { answeredBy } = this.#stage.tally;
    const counts = () => [one, other].map(({ pid }) => answeredBy.get(pid) ?? 0);
    let last = counts();
    return () => {
      const now = counts();
      const [ofOne, ofOther] = now.map((count, i) => count - last[i]);
      last = now;
      return ofOne > 0 ? ofOne / (ofOne + ofOther) : undefined;
    };
  }
}
