import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const STATS = {
  service: 'orders',
  peerId: 'spiffe://mesh.test/orders',
  staticKeyId: '0123456789abcdef0123456789abcdef',
  pid: 4711,
  node: 'v20.20.2',
  uptimeSeconds: 7_300,
  port: 50_051,
  started: true,
  ready: true,
  health: { status: 'healthy', checks: { 'mesh-core': { status: 'healthy' }, audit: { status: 'healthy' } } },
  stats: {
    connectedServices: ['billing', 'payments'],
    metrics: { messagesSent: 1_234, messagesFailed: 5, messagesReceived: 99, averageLatency: 1.25, circuitBreakerState: 'closed' },
    audit: { adapters: [{ adapter: 'file', delivered: 1_500, queued: 2, spilled: 0, dropped: 0, deadLettered: 0, failing: false }] },
  },
  metrics: {
    sessions: { inbound: 3, outbound: 2 },
    authorizationDenied: 1,
    rateLimited: 0,
    overloaded: 0,
    rekeys: 4,
    rekeysFailed: 0,
    keys: { staticKey: { ageMs: 7_200_000, intervalMs: 86_400_000, overdue: false }, oldestSessionKeyMs: 600_000 },
    certificate: { notAfter: Date.UTC(2026, 6, 1) },
  },
  topology: {
    outbound: [
      {
        service: 'payments',
        endpoints: [
          { endpoint: '10.0.0.7:50051', state: 'connected', peerId: 'spiffe://mesh.test/payments', sessions: 1, callsInFlight: 2, breaker: 'closed' },
          { endpoint: '10.0.0.8:50051', state: 'waiting', reason: 'connect_failed', sessions: 0, callsInFlight: 0, breaker: 'open' },
        ],
      },
      { service: 'stock', endpoints: [] },
    ],
    inbound: [{ service: 'billing', peerId: 'spiffe://mesh.test/billing', sessions: 2, callsInFlight: 0 }],
  },
};

export const ROTATED = { keyId: 'new', previousKeyId: 'old', trigger: 'manual', rotatedAt: '2026-06-01T12:00:00.000Z', durationMs: 12.3, sessionsRekeyed: 5, sessionsEnded: 0, sessionsLeft: 0 };

/** Something at the other end: an HTTP server that answers as a test says, and notes what it was asked. */
export class FakeAdmin {
  readonly asked: { method: string | undefined; url: string | undefined; headers: IncomingMessage['headers']; body: string }[] = [];
  /** By path: a status and what goes out as JSON, or what is to be done. */
  answers: Record<string, [status: number, body: unknown] | ((response: ServerResponse) => void)> = {
    '/stats': [200, STATS],
    '/keys/rotate': [200, ROTATED],
    '/health/live': [200, { status: 'pass' }],
    '/health/ready': [200, { status: 'pass', checks: { crypto: [{ status: 'pass' }] } }],
    '/health/startup': [200, { status: 'pass' }],
  };
  readonly #server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      this.asked.push({ method: request.method, url: request.url, headers: request.headers, body });
      const answer = this.answers[request.url ?? ''] ?? [404, { error: { code: 'NOT_FOUND', reason: 'admin_not_found', message: 'there is nothing here' } }];
      if (typeof answer === 'function') return answer(response);
      response.writeHead(answer[0], { 'content-type': 'application/json' }).end(typeof answer[1] === 'string' ? answer[1] : JSON.stringify(answer[1]));
    });
  });

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<unknown> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }
}
