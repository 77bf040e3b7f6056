import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cutOffTheEnd, dropARecord, makeRefusalASuccess } from './officer.mjs';
import { LOAD, ROTATIONS } from './options.mjs';
import { ResilienceActs } from './resilience-acts.mjs';
import { ms, number } from './screen.mjs';
import { Waiting } from './waiting.mjs';

/** Who dials whom. */
export const CONNECTIONS = [['gateway', 'order'], ['order', 'payment']];

/** What is shown, act by act, and what the verdict has to know of it. */
export class Play {
  /** The three services as they were started first. */
  services = [];
  /** How often both ends of each connection had new keys, and what became of the calls until then: `{ connections, answered, failed }`. */
  rotated;
  /** What gateway's admin endpoint said under load, between two looks at what the callers counted: `{ ready, metrics, ended, made }`. */
  looked;
  /** What order's `rotateKeys()` gave, and the calls that failed until then: `{ sessionsRekeyed, sessionsEnded, durationMs, failed, … }`. */
  renewed;
  /** The acts about calls that survive. */
  resilience;
  /** order, before and after. */
  killed;
  restarted;
  /** From the kill to the restart. */
  downMs = 0;
  impostor;
  answeredBeforeAttack = 0;
  answeredUnderAttack = 0;
  /** What the officer found in the trails as they are, and in copies that were tampered with. */
  verified;
  uncleanEnd;
  tampered = {};
  /** The report about the keys, and what its verification gave. */
  report;
  #stage;
  #narrator;
  #waiting;
  #options;

  constructor({ stage, narrator, interruption, options }) {
    this.#stage = stage;
    this.#narrator = narrator;
    this.#waiting = new Waiting({ stage, narrator, interruption });
    this.#options = options;
    this.resilience = new ResilienceActs({ stage, narrator, waiting: this.#waiting, options });
  }

  /** Three services start, find each other by name, and the load begins. */
  async open() {
    const say = this.#narrator;
    say.title('secure-stack-mesh: three services, three processes, nothing to set up');
    this.services = ['payment', 'order', 'gateway'].map((name) => this.#stage.start(name));
    await this.#waiting.until(Promise.all(this.services.map((service) => service.ready())));
    for (const { name, pid } of this.services) say.line(`${name.padEnd(8)} pid ${pid}`);
    const gateway = this.#stage.process('gateway');
    say.line();
    say.line('They find each other by name, prove who they are, and encrypt every call.');
    say.line(`Their trust domain, made for this run: ${gateway.identity.trustDomain}`);
    say.line();
    this.#showAdmin('gateway');
    say.line();
    say.beginClock();
    gateway.tell({ type: 'load' });
    say.start(`${LOAD.callers} callers place ${number(LOAD.callsPerSecond)} orders a second`, 'each goes gateway → order → payment and back');
  }

  /** The keys of every connection are replaced while it is in use. Each end says so; what counts is what both have said. */
  async rotateKeys() {
    const say = this.#narrator;
    const { tally, trail } = this.#stage;
    say.start(`their keys are replaced under load, after ${ms(this.#options.rotationMs)} each`, 'by a fresh Diffie-Hellman between two records; the default is an hour');
    const counts = () => CONNECTIONS.map((ends) => trail.rotationsBetween(...ends));
    await this.#waiting.happens(() => counts().every((count) => count >= ROTATIONS));
    const connections = counts();
    await this.#waiting.figuresOf('gateway');
    this.rotated = { connections, answered: tally.answered, failed: tally.failed };
    const text = CONNECTIONS.map((ends, i) => `${ends.join(' ─▸ ')} ${connections[i]} times`).join(', ');
    if (connections.some((count) => count < ROTATIONS)) say.bad(`keys were not replaced: ${text}`);
    else say.good(`replaced at both ends: ${text}`, `${number(this.rotated.answered)} calls answered meanwhile, ${number(this.rotated.failed)} failed`);
  }

  /** Whoever operates gateway asks it over HTTP how it is. Its calls are counted between what the callers had counted before and have counted since. */
  async lookFromOutside() {
    const say = this.#narrator;
    const { tally } = this.#stage;
    const { admin } = this.#stage.process('gateway');
    await this.#waiting.figuresOf('gateway');
    const ended = tally.answered + tally.failed;
    const [ready, metrics] = await this.#waiting.until(Promise.all([admin.readiness(), admin.metrics()]));
    await this.#waiting.figuresOf('gateway');
    this.looked = { ready, metrics, ended, made: tally.made };
    const trouble = ready.trouble ?? metrics.trouble;
    if (trouble !== undefined) return say.bad(`gateway's admin endpoint did not answer: ${trouble}`);
    const text = `gateway's admin endpoint, asked meanwhile: ${ready.code} ${ready.status}`;
    if (ready.code === 200) say.good(text, `/metrics: ${number(metrics.calls)} calls ended`);
    else say.bad(text);
  }

  /** As after a theft: order gets another static key, and every session of it is replaced by one of a new handshake, make-before-break. */
  async throwOutAThief() {
    const say = this.#narrator;
    const order = this.#stage.process('order');
    const told = once(order, 'renewed');
    say.start("order's keys may be stolen: every session gets a new handshake", "mesh.rotateKeys({ reason: 'compromise' })");
    order.tell({ type: 'compromise' });
    const [{ result } = {}] = (await this.#waiting.withPatience(told)) ?? [];
    await this.#waiting.figuresOf('gateway');
    const { failed } = this.#stage.tally;
    if (result === undefined) return say.bad('order did not replace its keys');
    this.renewed = { ...result, failed };
    say.good(`another static key, ${result.sessionsRekeyed} sessions replaced, in ${ms(result.durationMs)}`, `${number(failed)} calls failed`);
  }

  /** order is killed, and started again a little later. Nobody is told: callers find the new one by its name. */
  async loseAService() {
    const say = this.#narrator;
    await this.#waiting.time(this.#options.killAtMs);
    const gateway = this.#stage.process('gateway');
    const order = this.#stage.process('order');
    const killedAt = Date.now();
    gateway.tell({ type: 'outage', since: killedAt, pid: order.pid });
    await order.kill();
    this.killed = order;
    say.bad(`order (pid ${order.pid}) is killed: ${order.exit.signal}, without a word to anybody`);
    await this.#waiting.pause(this.#options.downMs);
    const recovered = once(gateway, 'recovered');
    this.downMs = Date.now() - killedAt;
    this.restarted = this.#stage.start('order');
    await this.#waiting.until(this.restarted.ready());
    say.news(`order is back as pid ${this.restarted.pid}, on another port`);
    const [answer] = (await this.#waiting.withPatience(recovered)) ?? [];
    if (answer === undefined) say.bad('callers did not recover');
    else say.good(`callers found it: served again ${ms(answer.outage.recoveredMs)} after the kill`);
  }

  /** Somebody with a certificate of his own making wants to be payment, and to call the others. */
  async underAttack() {
    const say = this.#narrator;
    await this.#waiting.time(this.#options.attackAtMs);
    await this.#waiting.figuresOf('gateway');
    this.answeredBeforeAttack = this.#stage.tally.answered;
    this.impostor = this.#stage.startImpostor(this.#stage.process('gateway').identity);
    await this.#waiting.until(this.impostor.ready());
    const { pid, identity } = this.impostor;
    say.warn(`an impostor (pid ${pid}) registers itself as "payment"`, `its certificate is of another trust domain: ${identity.trustDomain}`);
    this.impostor.tell({ type: 'load' });
    await this.#awaitRefusal('order', 'outbound', 'order dialled it and did not trust it');
    await this.#awaitRefusal('order', 'inbound', 'it dialled order and was refused');
    await this.#awaitRefusal('gateway', 'inbound', 'it dialled gateway and was refused');
    await this.#waiting.time(this.#options.endAtMs);
    await this.#waiting.figuresOf('gateway');
    this.answeredUnderAttack = this.#stage.tally.answered;
    await this.#waiting.until(this.impostor.stop());
    say.news('the impostor gives up');
  }

  /** All services have closed: their trails are verified, and so are three copies with a change each. */
  async examineTheTrails() {
    const say = this.#narrator;
    const { officer, trail } = this.#stage;
    await officer.begin(trail.checkpoints);
    say.start('the security officer verifies the audit trails of all services', `$ ${officer.command}`);
    this.verified = await officer.verify();
    this.uncleanEnd = officer.uncleanEndOf('order');
    const { status, logs } = this.verified;
    if (status === 'authentic') say.good(`${number(logs.reduce((sum, { size }) => sum + size, 0))} records, authentic`);
    else say.bad(`the trails are ${status}`);
    for (const { origin, notAuthenticated } of logs) {
      for (const { from, to, why } of notAuthenticated) say.detail(`${origin}: records ${from} to ${to - 1} are not authenticated: ${why}`);
    }
    await this.#tamper('changed', "in a copy, the impostor's refusal becomes a success", 'order', makeRefusalASuccess);
    await this.#tamper('dropped', 'in a copy, one record is taken out', 'payment', dropARecord);
    await this.#tamper('cut', 'in a copy, the end is cut off at a checkpoint, so that the rest fits itself', 'gateway', cutOffTheEnd);
  }

  /** What the services kept of their keys becomes a report. */
  async reportOnKeys() {
    const say = this.#narrator;
    const { officer, startedAt } = this.#stage;
    const directory = this.#options.out ?? (await mkdtemp(join(tmpdir(), 'secure-stack-mesh-report-')));
    say.start('she makes a report about their keys, signed, and verifies it', `$ ${officer.reportCommand}`);
    this.report = await officer.report({ from: startedAt, to: new Date(), directory });
    const { status, services, summary, gaps, files } = this.report;
    if (status !== 'authentic') return say.bad(`the report is ${status}`);
    say.good(`${number(summary.keys)} keys of ${services.join(', ')}; ${number(summary.changes)} changes, ${number(summary.findings)} findings`, files.html);
    for (const { kind, service, text } of gaps) if (kind === 'ended without closing') say.detail(`a gap in coverage, ${service}: ${text}`);
  }

  async #tamper(key, text, service, change) {
    const say = this.#narrator;
    const found = await this.#stage.officer.verifyTampered(service, change);
    this.tampered[key] = { service, ...found };
    const [log] = found.tampered;
    if (log === undefined) return say.bad(`not caught: ${text}`);
    say.good(`caught: ${text}`, `exit ${found.exitCode}, ${service} from record ${log.problem.record} on: ${log.problem.text}`);
  }

  /** Until somebody interrupts. */
  async keepRunning() {
    this.#narrator.start(`everything keeps running; Ctrl-C (or kill -INT ${process.pid}) closes it`);
    for (const name of ['gateway', 'order']) this.#showAdmin(name);
    await this.#waiting.pause(2 ** 31 - 1);
  }

  /** Where somebody can look at a service, with a browser and on a terminal. */
  #showAdmin(name) {
    const { url, command } = this.#stage.process(name).admin;
    this.#narrator.line(`Look at ${name}: ${url}/health/ready, /metrics, /stats`);
    this.#narrator.line(`  $ ${command}`);
  }

  async #awaitRefusal(service, direction, text) {
    const { trustDomain } = this.impostor.identity;
    const find = () => this.#stage.trail.refusalsOf(trustDomain).find((refusal) => refusal.service === service && refusal.direction === direction);
    await this.#waiting.happens(() => find() !== undefined);
    const refusal = find();
    if (refusal === undefined) this.#narrator.bad(`not audited: ${text}`);
    else this.#narrator.good(text, `audited: auth.failed, ${refusal.reason}, trust domain ${refusal.trustDomain}`);
  }
}
