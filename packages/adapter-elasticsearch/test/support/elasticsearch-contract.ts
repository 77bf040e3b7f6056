interface FaultPlan {
  readonly counts: Readonly<Record<string, number>>;
  set(rate: number, kinds?: readonly string[]): void;
  failNext(kind: string, options?: { readonly count?: number; readonly retryAfter?: number | string }): void;
  clear(): void;
}

export interface ContractNode {
  readonly url: string;
  readonly port: number;
  readonly requests: number;
  /** The last 1,000 of them. */
  readonly log: readonly { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string | undefined>>; readonly sentBytes: number }[];
  readonly faults: FaultPlan;
  down(): Promise<void>;
  up(): Promise<void>;
  release(): void;
}

export interface StoredDocument {
  readonly id: string;
  /** The backing index, for a data stream. */
  readonly index: string;
  readonly source: Record<string, unknown>;
}

/** What `ElasticsearchCluster` of tools/contract-servers has. */
export interface ElasticsearchContract {
  readonly url: string;
  readonly urls: readonly string[];
  readonly nodes: readonly ContractNode[];
  readonly requests: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Items of half-accepted bulks that were refused. */
  readonly refusedItems: number;
  /** Ids that were created more than once, which happens across a rollover. */
  readonly duplicates: readonly string[];
  readonly ids: ReadonlySet<string>;
  readonly openPits: number;
  documents(name?: string): readonly StoredDocument[];
  count(name?: string): number;
  rollOver(dataStream: string): void;
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
}

export interface ElasticsearchContractOptions {
  /** Default 1 */
  readonly nodes?: number;
  /** Turns security on. `privileges`: what all of them have; default `all` */
  readonly access?: {
    readonly users?: Readonly<Record<string, string | { readonly password: string; readonly privileges?: readonly string[] }>>;
    /** `id:secret` */
    readonly apiKeys?: readonly string[];
    readonly tokens?: readonly string[];
    readonly privileges?: readonly string[];
  };
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Of each node; 'half-accepted' is one of the kinds. */
  readonly faults?: { readonly rate?: number; readonly kinds?: readonly string[]; readonly seed?: number; readonly retryAfterSeconds?: number };
  /** Which items of a half-accepted bulk are refused, and how. Default: half of them, with 429 or 503 */
  readonly half?: { readonly share?: number; readonly kinds?: readonly (429 | 500 | 503)[]; readonly seed?: number };
  /** A data stream gets a new write index after so many documents. */
  readonly rolloverEvery?: number;
  /** `data_streams.lifecycle.retention.max` of the cluster. */
  readonly retentionMax?: string;
  readonly retentionDefault?: string;
  /** `index.refresh_interval`: what is written is found after it, or after a refresh. Default 1,000 */
  readonly refreshMs?: number;
  /** `http.max_content_length`. Default 100 MB */
  readonly maxContentBytes?: number;
}

interface ContractServers {
  startElasticsearchContract(options?: ElasticsearchContractOptions): Promise<ElasticsearchContract>;
}

/** tools/contract-servers: answers as the documented API of Elasticsearch 8.19 does. */
export const { startElasticsearchContract } = (await import(new URL('../../../../tools/contract-servers/elasticsearch.mjs', import.meta.url).href)) as ContractServers;
