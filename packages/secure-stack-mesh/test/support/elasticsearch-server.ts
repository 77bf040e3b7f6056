/** A real Elasticsearch that was started. */
export interface ElasticsearchServer {
  readonly url: string;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

interface ElasticsearchService {
  startElasticsearch(): Promise<ElasticsearchServer>;
  /** The user's own server, which is used instead of starting one. */
  elasticsearchUrl(): string | undefined;
}

/** tools/services: a suite that imports this is left out by name where there is no Elasticsearch. */
export const { elasticsearchUrl, startElasticsearch } = (await import(new URL('../../../../tools/services/elasticsearch.mjs', import.meta.url).href)) as ElasticsearchService;

interface ElasticsearchLeftovers {
  /** Removes the data streams and indices of these names, and the adapter's templates for them. */
  removeFrom(url: string, names: readonly string[]): Promise<void>;
}

export const { removeFrom } = (await import(new URL('../../../../tools/services/elasticsearch-leftovers.mjs', import.meta.url).href)) as ElasticsearchLeftovers;

/** Asks it. @throws Error where it does not answer 200 */
export async function ask<Answer>(url: string, path: string, body?: object, method = body === undefined ? 'GET' : 'POST'): Promise<Answer> {
  const response = await fetch(`${url}/${path}`, { method, ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 1_000)}`);
  return JSON.parse(text) as Answer;
}

/** The ids of all documents, each as often as it is there. */
export async function allIds(url: string, index: string): Promise<string[]> {
  await ask(url, `${index}/_refresh`, undefined, 'POST');
  const { id } = await ask<{ id: string }>(url, `${index}/_pit?keep_alive=1m`, undefined, 'POST');
  const ids: string[] = [];
  for (let after: unknown[] | undefined; ; ) {
    const page = { size: 10_000, _source: false, pit: { id, keep_alive: '1m' }, sort: [{ _shard_doc: 'asc' }], track_total_hits: false, ...(after === undefined ? {} : { search_after: after }) };
    const { hits } = await ask<{ hits: { hits: { _id: string; sort: unknown[] }[] } }>(url, '_search', page);
    if (hits.hits.length === 0) return ids;
    ids.push(...hits.hits.map(({ _id }) => _id));
    after = hits.hits.at(-1)?.sort;
  }
}
