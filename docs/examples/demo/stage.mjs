import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditTrail } from './audit-trail.mjs';
import { Officer } from './officer.mjs';
import { LOAD, RATE_LIMIT } from './options.mjs';
import { OrderLedger } from './order-ledger.mjs';
import { ServiceProcess, killWhatIsLeft } from './service-process.mjs';
import { CallTally, LatencyHistogram, RecentCalls } from './statistics.mjs';

/** Lines of the services' operational logs kept, for when something goes wrong. */
const MAX_LOG_LINES = 200;

/** The second instance of payment. */
export const SECOND = 'payment-2';

/** The processes of the demo, in a folder of their own, and all that they have told. */
export class Stage {
  /** Those that run now or ran last, by name. */
  current = new Map();
  /** All that ever ran. */
  all = [];
  tally = new CallTally();
  recent = new RecentCalls();
  trail = new AuditTrail();
  ledger = new OrderLedger();
  /** What order's breaker looked like to order, by `getStats()`, and how long the calls took that it refused; by pid of order. */
  breakers = new Map();
  /** Who asked order for how many prices and got them, as it said last. */
  prices = {};
  /** What the callers went through while order was down. */
  outage;
  /** What the impostor says of itself. */
  impostor;
  logLines = [];
  /** Called when a process ended that was not meant to. */
  onLoss = () => {};
  onLogLine = () => {};
  startedAt = new Date();
  /** Times that the services are given. */
  #times;
  #home = realpathSync(mkdtempSync(join(tmpdir(), 'secure-stack-mesh-demo-')));
  officer = new Officer(this.#home);
  #outbound = new Map();

  constructor({ rotationMs, breakerMs, slowStartMs }) {
    this.#times = { DEMO_ROTATION_MS: String(rotationMs), DEMO_BREAKER_MS: String(breakerMs), DEMO_SLOW_START_MS: String(slowStartMs) };
    // Whatever happens to this process, short of SIGKILL: nobody and nothing is left. After that one the children leave by themselves.
    process.on('exit', () => this.clear());
  }

  /**
   * Starts a service; the runtime folder is where services find each other, the keys folder what makes them trust each other.
   * @param service what it is; `name` only tells its instances apart
   */
  start(name, service = name) {
    return this.#start(name, `services/${service}.mjs`, {
      MESH_KEYS_DIR: join(this.#home, 'keys'),
      DEMO_AUDIT_DIR: this.officer.trails,
      DEMO_LEDGER_DIR: this.officer.ledgers,
      DEMO_RATE_LIMIT: JSON.stringify(RATE_LIMIT),
      ...this.#times,
      DEMO_CALLERS: String(LOAD.callers),
      DEMO_CALLS_PER_SECOND: String(LOAD.callsPerSecond),
    });
  }

  /** Starts the impostor: the same runtime folder, but keys of its own. */
  startImpostor({ trustDomain, authority }) {
    return this.#start('impostor', 'impostor.mjs', {
      MESH_KEYS_DIR: join(this.#home, 'impostor-keys'),
      DEMO_TRUST_DOMAIN: trustDomain,
      DEMO_AUTHORITY: authority,
    });
  }

  process(name) {
    return this.current.get(name);
  }

  /** Connections between the services: each is counted where it was dialled. */
  get connections() {
    return [...this.#outbound.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Callers first, so that nobody calls a service that is closing. */
  async stopAll() {
    for (const names of [['impostor', 'crawler'], ['gateway'], ['order'], ['payment', SECOND]]) {
      await Promise.all(names.map((name) => this.current.get(name)).filter((service) => service !== undefined && service.exit === undefined).map((service) => service.stop()));
    }
  }

  clear() {
    killWhatIsLeft();
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 3 });
  }

  #start(name, file, env) {
    const service = new ServiceProcess(name, file, { MESH_RUNTIME_DIR: join(this.#home, 'runtime'), ...env });
    this.current.set(name, service);
    this.all.push(service);
    service.on('tick', (tick) => this.#onTick(service, tick));
    service.on('audit', ({ events }) => this.trail.take(name, service.pid, events));
    service.on('log', ({ level, message }) => this.#onLog(`${name} ${level}: ${message}`));
    service.on('exit', () => {
      this.#outbound.delete(service.pid);
      if (!service.expected) this.onLoss(service);
    });
    return service;
  }

  #onTick({ name, pid }, { outbound, audit, calls, orders, outage, payments, breaker, prices, impostor }) {
    if (name !== 'impostor') this.#outbound.set(pid, outbound);
    this.trail.takeCounts(name, pid, audit);
    if (calls !== undefined) {
      this.tally.merge(calls);
      this.recent.add(calls);
    }
    if (orders !== undefined) this.ledger.takeOrders(orders);
    if (payments !== undefined) this.ledger.takePayments(payments);
    if (breaker !== undefined) this.#addBreaker(pid, breaker);
    this.prices = prices ?? this.prices;
    this.outage = outage ?? this.outage;
    this.impostor = impostor ?? this.impostor;
  }

  #addBreaker(pid, { states, refusals }) {
    const known = this.breakers.get(pid) ?? { states: [], refusals: new LatencyHistogram() };
    this.breakers.set(pid, known);
    known.states.push(...states);
    known.refusals.merge(refusals);
  }

  #onLog(line) {
    this.logLines.push(line);
    if (this.logLines.length > MAX_LOG_LINES) this.logLines.shift();
    this.onLogLine(line);
  }
}
