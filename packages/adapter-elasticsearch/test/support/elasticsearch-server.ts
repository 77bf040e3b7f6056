/** A real Elasticsearch that was started. */
export interface ElasticsearchServer {
  readonly url: string;
  readonly pid: number;
  readonly folder: string;
  readonly log: string;
  /** Where it was asked for. */
  readonly token: string | undefined;
  /** Kills it as a loss of power does; its files stay. */
  kill(): Promise<void>;
  /** Kills it and starts it again, on the same port with the same files. */
  restart(): Promise<void>;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

export interface ElasticsearchOptions {
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Turns security on, with these users and no others; the first may ask for the cluster's health. */
  readonly users?: readonly { readonly name: string; readonly password: string; readonly roles: readonly string[] }[];
  /** roles.yml */
  readonly roles?: string;
  /** Makes a token of a service account, which may write to data streams of logs; needs users and TLS. */
  readonly withToken?: boolean;
  /** PEM; needs users. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

interface ElasticsearchService {
  readonly ELASTICSEARCH_VERSION: string;
  startElasticsearch(options?: ElasticsearchOptions): Promise<ElasticsearchServer>;
  /** Whether there is such a process. */
  isRunning(pid: number): boolean;
  /** The user's own server, which is used instead of starting one without options. */
  elasticsearchUrl(): string | undefined;
}

/** tools/services: a suite that imports this is left out by name where there is no Elasticsearch. */
export const { ELASTICSEARCH_VERSION, elasticsearchUrl, isRunning, startElasticsearch } = (await import(new URL('../../../../tools/services/elasticsearch.mjs', import.meta.url).href)) as ElasticsearchService;
