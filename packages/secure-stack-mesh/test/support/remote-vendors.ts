import { DatadogAdapter } from '@lemur-bookstores/adapter-datadog';
import { ElasticsearchAdapter } from '@lemur-bookstores/adapter-elasticsearch';
import { AlertingAdapter } from '@lemur-bookstores/adapter-pagerduty';
import type { AuditEventInput, ManagedAdapter } from '@lemur-bookstores/mesh-interface';
import { DatadogServer, ElasticsearchCluster, PagerDutyServer, type ContractServer } from './contract-servers.js';

interface Tls {
  readonly key: string;
  readonly cert: string;
}

/** What of a contract server is looked at here. */
export type VendorServer = Pick<ContractServer, 'url' | 'requests' | 'faults' | 'down' | 'up' | 'stop'>;

/** A remote sink: its server, and the adapter for it. */
export interface Vendor {
  /** The adapter's name in logs and statistics. */
  readonly name: string;
  readonly key: string;
  readonly wrongKey: string;
  start(tls?: Tls): Promise<VendorServer>;
  adapter(url: string, key?: string, ca?: string): ManagedAdapter;
  /** Something that the adapter has to send, another each time. */
  event(index: number): AuditEventInput;
  /** Whether the server has it. */
  has(server: VendorServer, index: number): boolean;
}

const refund = (index: number): AuditEventInput => ({ eventType: 'system', details: { action: 'app.refund', success: true, metadata: { orderId: `order-${index}` } } });
const tlsOf = (tls: Tls | undefined) => (tls === undefined ? {} : { tls });
const caOf = (ca: string | undefined) => (ca === undefined ? {} : { ca });

export const datadog: Vendor = {
  name: 'datadog',
  key: 'datadogkey0123456789abcdef012345',
  wrongKey: 'datadogkey-that-is-wrong-0123456',
  start: (tls) => new DatadogServer({ apiKey: datadog.key, ...tlsOf(tls) }).start(),
  adapter: (url, key = datadog.key, ca) => new DatadogAdapter({ apiKey: key, service: 'orders', logsUrl: url, metricsUrl: url, ...caOf(ca) }),
  event: refund,
  has: (server, index) => JSON.stringify((server as unknown as DatadogServer).logs).includes(`"order-${index}"`),
};

export const pagerduty: Vendor = {
  name: 'pagerduty',
  key: 'pagerdutykey0123456789abcdef0123',
  wrongKey: 'pagerdutykeythatiswrong012345678',
  start: (tls) => new PagerDutyServer({ keys: [pagerduty.key], ...tlsOf(tls) }).start(),
  adapter: (url, key = pagerduty.key, ca) => new AlertingAdapter({ integrationKey: key, url, ...caOf(ca) }),
  event: (index) => ({ eventType: 'circuit_breaker', targetServiceId: `peer-${index}`, details: { action: 'breaker.opened', success: false, metadata: { endpoint: '10.0.0.1:50051' } } }),
  has: (server, index) => [...(server as unknown as PagerDutyServer).events.alerts.keys()].some((key) => key.endsWith(`/peer-${index}`)),
};

/** One node. */
class OneNode implements VendorServer {
  readonly cluster: ElasticsearchCluster;

  constructor(cluster: ElasticsearchCluster) {
    this.cluster = cluster;
  }

  get url(): string {
    return this.cluster.url;
  }

  get requests(): number {
    return this.cluster.requests;
  }

  get faults(): VendorServer['faults'] {
    return this.#node.faults;
  }

  down(): Promise<void> {
    return this.#node.down();
  }

  up(): Promise<void> {
    return this.#node.up();
  }

  stop(): Promise<void> {
    return this.#node.stop();
  }

  get #node(): ContractServer {
    return this.cluster.nodes[0] as ContractServer;
  }
}

export const elasticsearch: Vendor = {
  name: 'elasticsearch',
  key: 'elasticsearch-password-0123456789',
  wrongKey: 'elasticsearch-password-that-is-wrong',
  start: async (tls) => new OneNode(await new ElasticsearchCluster({ access: { users: { elastic: elasticsearch.key } }, ...tlsOf(tls) }).start()),
  adapter: (url, key = elasticsearch.key, ca) =>
    new ElasticsearchAdapter({ node: url, index: 'mesh-audit', auth: { username: 'elastic', password: key }, ...(ca === undefined ? {} : { tls: { ca } }) }),
  event: refund,
  has: (server, index) => JSON.stringify((server as OneNode).cluster.documents('mesh-audit')).includes(`order-${index}`),
};
