// What stands for the vendors: servers on this machine that answer as the documented APIs do, and refuse what those would. With ELASTICSEARCH_URL the user's own Elasticsearch is one of them.
import { DatadogServer } from '../../../tools/contract-servers/datadog.mjs';
import { ElasticsearchCluster } from '../../../tools/contract-servers/elasticsearch.mjs';
import { CONTRACT_KEY, PagerDutyServer } from '../../../tools/contract-servers/pagerduty.mjs';

const DATADOG_KEY = 'an-api-key-of-nobody-0123456789ab';

export async function startReceivers({ ELASTICSEARCH_URL } = process.env) {
  const own = ELASTICSEARCH_URL?.replace(/\/+$/, '') || undefined;
  const datadog = await new DatadogServer({ apiKey: DATADOG_KEY }).start();
  const pagerDuty = await new PagerDutyServer().start();
  const cluster = own === undefined ? await new ElasticsearchCluster().start() : undefined;
  return {
    elasticsearch: { url: own ?? cluster.url, isOwn: own !== undefined },
    datadog: Object.assign(datadog, { key: DATADOG_KEY }),
    pagerDuty: Object.assign(pagerDuty, { key: CONTRACT_KEY }),
    stop: () => Promise.all([datadog.stop(), pagerDuty.stop(), cluster?.stop()]),
  };
}
