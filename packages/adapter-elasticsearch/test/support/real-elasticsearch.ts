import { afterAll, beforeAll } from '@jest/globals';
import { removeFrom } from './elasticsearch-removal.js';
import { elasticsearchUrl, startElasticsearch } from './elasticsearch-server.js';

/** A stored document. */
export interface StoredDocument {
  readonly _id: string;
  readonly _index: string;
  readonly _source: Readonly<Record<string, unknown>>;
}

/** A real Elasticsearch, asked past the adapter. */
export class RealElasticsearch {
  readonly url: string;
  readonly #names: string[] = [];

  constructor(url: string) {
    this.url = url;
  }

  /** A name that nobody has used yet. */
  name(kind: 'index' | 'data stream' = 'index'): string {
    const name = `${kind === 'index' ? 'mesh-test' : 'logs-mesh.test'}-${process.pid}.${Date.now()}.${this.#names.length + 1}`;
    this.#names.push(name);
    return name;
  }

  async ask<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.url + path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) });
    return (await response.json()) as T;
  }

  /** @returns what puts back what there was */
  async setCluster(settings: Readonly<Record<string, unknown>>): Promise<() => Promise<unknown>> {
    const { persistent: held } = await this.ask<{ persistent: Readonly<Record<string, unknown>> }>('GET', '/_cluster/settings?flat_settings=true');
    await this.ask('PUT', '/_cluster/settings', { persistent: settings });
    const before = Object.fromEntries(Object.keys(settings).map((name) => [name, held[name] ?? null]));
    return async () => this.ask('PUT', '/_cluster/settings', { persistent: before });
  }

  /** Removes what was made under the names that it has given. */
  async clear(): Promise<void> {
    await removeFrom(this.url, this.#names.splice(0));
  }

  /** All documents in the order in which they came. */
  async stored(index: string): Promise<readonly StoredDocument[]> {
    await this.ask('POST', `/${index}/_refresh?ignore_unavailable=true`);
    const answer = await this.ask<{ hits?: { hits: StoredDocument[] } }>('POST', `/${index}/_search?ignore_unavailable=true`, { size: 10_000, sort: ['_index', '_seq_no'] });
    return answer.hits?.hits ?? [];
  }

  async count(index: string): Promise<number> {
    await this.ask('POST', `/${index}/_refresh`);
    return (await this.ask<{ count: number }>('GET', `/${index}/_count`)).count;
  }
}

/** One server for the file, the user's own where `ELASTICSEARCH_URL` names it: that is left as it was. */
export function realElasticsearch(): () => RealElasticsearch {
  let server: RealElasticsearch | undefined;
  let stop: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    const own = elasticsearchUrl();
    const started = own === undefined ? await startElasticsearch() : undefined;
    stop = started === undefined ? undefined : () => started.stop();
    server = new RealElasticsearch(own ?? (started?.url as string));
  }, 150_000);
  afterAll(async () => {
    if (stop === undefined && process.env['MESH_SHARED_ELASTICSEARCH'] === undefined) await server?.clear();
    await stop?.();
  }, 60_000);
  return () => server as RealElasticsearch;
}
