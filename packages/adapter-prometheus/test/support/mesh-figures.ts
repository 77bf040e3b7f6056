import { FakeClock, type AdapterContext, type CallMetrics, type Clock, type Logger, type MetricsSnapshot } from '@lemur-bookstores/mesh-interface';

/** Figures of a mesh that tests change, and the context that an adapter reads them from. */
export class MeshFigures {
  readonly clock: Clock;
  readonly log: string[] = [];
  readonly serviceId: string;
  calls: CallMetrics[] = [];
  read = 0;
  more: Partial<MetricsSnapshot> = {};

  constructor(serviceId = 'orders', clock: Clock = new FakeClock()) {
    this.serviceId = serviceId;
    this.clock = clock;
  }

  get context(): AdapterContext {
    const add = (level: string) => (message: string, fields?: object) => void this.log.push(`${level} ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`);
    const logger: Logger = { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') };
    return {
      serviceId: this.serviceId,
      logger,
      clock: this.clock,
      paths: { keysDir: '/keys', logsDir: '/logs', runtimeDir: '/run' },
      metrics: () => this.snapshot(),
      emit: () => {
        throw new Error('nothing to say');
      },
    };
  }

  snapshot(): MetricsSnapshot {
    this.read++;
    const { serviceId, calls } = this;
    return {
      timestamp: this.clock.now(),
      serviceId,
      calls: [...calls],
      sessions: { inbound: 1, outbound: 2 },
      bytes: { sent: 12_345, received: 67_890 },
      handshakes: { ok: 3, peer_untrusted: 1 },
      retries: 5,
      rateLimited: 6,
      overloaded: 7,
      breakers: [{ service: 'users', endpoint: '127.0.0.1:50052', state: 'half-open' }],
      rekeys: 2,
      rekeysByTrigger: { interval: 2 },
      rekeysFailed: 0,
      authorizationDenied: 4,
      keys: { staticKey: { ageMs: 60_000, intervalMs: 3_600_000, overdue: false }, oldestSessionKeyMs: 30_000 },
      certificate: { notAfter: Date.UTC(2026, 1, 1) },
      eventLoop: { meanMs: 1.5, p99Ms: 20, maxMs: 250, utilization: 0.25 },
      stats: {
        service: serviceId,
        sessions: { activeSessions: 3 },
        connectedServices: ['payments', 'users'],
        metrics: { messagesSent: 5, messagesFailed: 1, messagesReceived: 7, connectionsSuccessful: 3, connectionsFailed: 1, averageLatency: 12.5, circuitBreakerState: 'closed' },
        audit: { emitted: 9, adapters: [LANE] },
      },
      ...this.more,
    };
  }
}

const LANE = {
  adapter: 'file', durable: true, emitted: 9, recovered: 0, filtered: 1, delivered: 6, queued: 2, queueFill: 0.1, spilled: 0, spillBytes: 0, spillMaxBytes: 0, deadLettered: 0, dropped: 0, lostGaps: 0,
  failures: 1, lastSuccessAt: Date.UTC(2026, 0, 1), failing: false, full: false, oldestQueuedMs: 1_500, deliveryTimeoutMs: 10_000,
};

/** Calls with bounds of 10 ms, 100 ms and 1 s. */
export const calls = (peer: string, method: string, counts: readonly [number, number, number, number], more: Partial<CallMetrics> = {}): CallMetrics => {
  const count = counts.reduce((sum, each) => sum + each, 0);
  return { direction: 'inbound', peer, method, started: count, ended: { OK: count }, duration: { bounds: [0.01, 0.1, 1], counts, sum: count / 100, count }, idleMs: 0, ...more };
};

/** The lines of one metric, without comments. */
export const linesOf = (text: string, name: string): string[] => text.split('\n').filter((line) => new RegExp(`^${name}(_bucket|_sum|_count)?[{ ]`).test(line));
