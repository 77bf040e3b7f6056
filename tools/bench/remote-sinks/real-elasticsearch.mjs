// The real Elasticsearch of tools/services, or the one that ELASTICSEARCH_URL names.
import { elasticsearchUrl, missingElasticsearch, startElasticsearch } from '../../services/elasticsearch.mjs';

/** @returns {Promise<{ url: string, stop(): Promise<void> } | undefined>} `undefined` where there is none */
export async function startElasticsearchIfThere() {
  if (missingElasticsearch() !== undefined) return undefined;
  const url = elasticsearchUrl();
  if (url === undefined) return startElasticsearch({ heapMb: 1_024, onDisk: true });
  const stop = async () => {
    for (const path of ['mesh-bench', '_index_template/secure-stack-mesh-mesh-bench']) await fetch(`${url}/${path}`, { method: 'DELETE' });
  };
  return { url, stop };
}
