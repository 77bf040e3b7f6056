/** Which requests a server spoils, and how: tools/contract-servers/fault-plan.mjs. */
export interface FaultPlan {
  /** How often each kind was played. */
  readonly counts: Readonly<Record<string, number>>;
  set(rate: number, kinds?: readonly string[]): void;
  failNext(kind: string, options?: { readonly count?: number; readonly retryAfter?: number | string }): void;
  clear(): void;
}

interface FaultOptions {
  readonly rate?: number;
  readonly kinds?: readonly string[];
  readonly seed?: number;
  readonly retryAfterSeconds?: number;
}

interface ServerOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly faults?: FaultOptions;
}

/** A server that answers as a vendor's documented API does. */
export interface ContractServer {
  readonly url: string;
  readonly port: number;
  readonly faults: FaultPlan;
  /** Requests that came, those that a fault met included. */
  readonly requests: number;
  readonly log: readonly { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string | undefined>> }[];
  start(): Promise<this>;
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
}

export interface DatadogServer extends ContractServer {
  readonly logsUrl: string;
  readonly metricsUrl: string;
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  readonly ids: ReadonlyMap<string, number>;
  readonly points: readonly { readonly metric: string; readonly tags: readonly string[]; readonly value: number }[];
}

/** An alert at PagerDuty. */
export interface ContractAlert {
  readonly dedupKey: string;
  readonly status: 'open' | 'resolved';
  /** How often it was opened. */
  readonly opened: number;
  readonly triggers: number;
  readonly resolves: number;
  readonly payload: { readonly summary: string; readonly severity: string; readonly custom_details: Readonly<Record<string, unknown>> };
}

export interface PagerDutyServer extends ContractServer {
  readonly events: {
    readonly alerts: ReadonlyMap<string, ContractAlert>;
    readonly open: readonly string[];
    readonly changes: readonly { readonly summary: string }[];
    readonly counts: Readonly<Record<string, number>>;
  };
}

/** A cluster: a contract server for each node, over one store. */
export interface ElasticsearchCluster extends Pick<ContractServer, 'url' | 'requests' | 'down' | 'up' | 'stop'> {
  start(): Promise<this>;
  readonly nodes: readonly ContractServer[];
  /** How often each kind of fault was played. */
  readonly faults: Readonly<Record<string, number>>;
  readonly ids: ReadonlySet<string>;
  /** Ids that were created more than once. */
  readonly duplicates: readonly string[];
  count(name?: string): number;
  documents(name?: string): readonly { readonly id: string; readonly index: string; readonly source: Readonly<Record<string, unknown>> }[];
}

const load = async (file: string): Promise<object> => (await import(new URL(`../../../../tools/contract-servers/${file}.mjs`, import.meta.url).href)) as object;

export const { ContractServer } = (await load('contract-server')) as {
  ContractServer: new (
    options: ServerOptions & {
      readonly handle: (request: ContractRequest) => ContractAnswer | Promise<ContractAnswer>;
      readonly refuse: (status: number, headers: Readonly<Record<string, string>>) => ContractAnswer;
    },
  ) => ContractServer;
};
export const { DatadogServer } = (await load('datadog')) as { DatadogServer: new (options: ServerOptions & { readonly apiKey: string; readonly keep?: 'all' | 'ids' }) => DatadogServer };
export const { CONTRACT_KEY, PagerDutyServer } = (await load('pagerduty')) as { CONTRACT_KEY: string; PagerDutyServer: new (options?: ServerOptions & { readonly keys?: readonly string[] }) => PagerDutyServer };
export const { ElasticsearchCluster } = (await load('elasticsearch')) as {
  ElasticsearchCluster: new (options?: ServerOptions & { readonly nodes?: number; readonly access?: { readonly users?: Readonly<Record<string, string>> }; readonly rolloverEvery?: number }) => ElasticsearchCluster;
};

export interface ContractRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Unpacked. */
  readonly body: Buffer;
  readonly fault: string | undefined;
}

export interface ContractAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}
