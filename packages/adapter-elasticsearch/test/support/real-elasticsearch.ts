import { afterAll, beforeAll } from '@jest/globals';
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
  #count = 0;

  constructor(url: string) {
    this.url = url;
  }

  /** A name that nobody has used yet. */
  name(kind: 'index' | 'data stream' = 'index'): string {
    return `${kind === 'index' ? 'mesh-test' : 'logs-mesh.test'}-${process.pid}.${Date.now()}.${++this.#count}`;
  }

  async ask<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.url + path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) });
    return (await response.json()) as T;
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

/** One server for the file, the user's own where `ELASTICSEARCH_URL` names it. */
export function realElasticsearch(): () => RealElasticsearch {
  let server: RealElasticsearch | undefined;
  let stop: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    const own = elasticsearchUrl();
    const started = own === undefined ? await startElasticsearch() : undefined;
    stop = started === undefined ? undefined : () => started.stop();
    server = new RealElasticsearch(own ?? (started?.url as string));
  }, 150_000);
  afterAll(() => stop?.());
  return () => server as RealElasticsearch;
}
