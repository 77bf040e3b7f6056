import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { DEFAULT_DELIVERY, type AuditEventInput, type MeshAuditEvent, type OwnAuditSink } from '@lemur-bookstores/mesh-interface';
import { AdminServer, type AdminServerOptions } from '../../src/admin/admin-server.js';
import type { AdminSource } from '../../src/admin/admin-source.js';
import { RecentEvents } from '../../src/admin/recent-events.js';
import { HealthMonitor } from '../../src/health-monitor.js';

export const TOKEN = 'correct-horse-battery-staple';

/** Keeps what is recorded. */
export class Trail implements OwnAuditSink {
  readonly enabled = true;
  readonly events: AuditEventInput[] = [];
  failClosed = false;
  broken: Error | undefined;
  readonly contractOf: OwnAuditSink['contractOf'] = (type) => (this.failClosed ? 'fail-closed' : DEFAULT_DELIVERY[type]);

  record(event: AuditEventInput): undefined {
    this.events.push(event);
  }

  log(event: AuditEventInput): Promise<void> {
    if (this.broken !== undefined) return Promise.reject(this.broken);
    this.record(event);
    return Promise.resolve();
  }

  having(action: string): AuditEventInput['details'][] {
    return this.events.map(({ details }) => details).filter((details) => details.action === action);
  }
}

/** A mesh as the endpoint sees it, that notes what it is asked for. */
export class FakeMesh implements AdminSource {
  readonly serviceId = 'orders';
  readonly health = new HealthMonitor();
  readonly recent = new RecentEvents();
  readonly rotations: string[] = [];
  started = true;
  ready = true;
  metrics: string | undefined;
  rotate: () => Promise<unknown> = () => Promise.resolve({ keyId: 'new' });

  stats(): unknown {
    return { service: this.serviceId };
  }

  recentEvents(query: Parameters<RecentEvents['take']>[0]): readonly MeshAuditEvent[] {
    return this.recent.take(query);
  }

  metricsText(): ReturnType<AdminSource['metricsText']> {
    const { metrics } = this;
    return metrics === undefined ? undefined : { contentType: 'text/plain; version=0.0.4', text: () => Promise.resolve(metrics) };
  }

  rotateKeys({ reason }: { readonly reason: string }): Promise<unknown> {
    this.rotations.push(reason);
    return this.rotate();
  }
}

export interface Asked {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** Address to connect to. */
  readonly at?: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** An endpoint of a test, and what it wrote. */
export class TestAdmin {
  readonly mesh = new FakeMesh();
  readonly trail = new Trail();
  readonly warnings: string[] = [];
  readonly server: AdminServer;

  constructor(options: Partial<AdminServerOptions> = {}) {
    const warn = (message: string): void => void this.warnings.push(message);
    this.server = new AdminServer({ port: 0, source: this.mesh, audit: this.trail, logger: { debug: () => {}, info: () => {}, warn, error: warn }, ...options });
  }

  get port(): number {
    return this.server.port as number;
  }

  ask(path: string, { method = 'GET', headers = {}, body, at = '127.0.0.1' }: Asked = {}): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const asked = httpRequest({ host: at, port: this.port, path, method, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      });
      asked.on('error', reject).end(body);
    });
  }

  /** Bytes as they are; resolves with all that comes back, once the connection has ended. */
  raw(bytes: string, hold = true): Promise<string> {
    return new Promise((resolve) => {
      const socket = this.socket();
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString('latin1')));
      socket.on('error', () => undefined).on('close', () => resolve(text));
      socket.write(bytes);
      if (!hold) socket.end();
    });
  }

  socket(): Socket {
    return connect(this.port, '127.0.0.1');
  }
}
