// Ways to bring batches of events to a remote sink: each `{ adapter, send(batches) }`, one batch after the other.
export const API_KEY = 'an-api-key-of-nobody-0123456789ab';
const INTEGRATION_KEY = 'c0ffee00c0ffee00c0ffee00c0ffee00';
/** The same name for all: a plain index, which the real server and the contract server make of the template. */
const INDEX = 'mesh-bench';

const { signal } = new AbortController();
const batchByBatch = (adapter, accepted = (batch) => batch) => ({
  adapter,
  send: async (batches) => {
    for (const batch of batches) {
      const events = accepted(batch);
      if (events.length > 0) await adapter.logEvents(events, { signal });
    }
  },
});

const fromDist = (name, file = 'index.js') => import(new URL(`../../../packages/${name}/dist/${file}`, import.meta.url));

async function elasticsearch(node, options) {
  const { ElasticsearchAdapter } = await fromDist('adapter-elasticsearch');
  return batchByBatch(new ElasticsearchAdapter({ node, index: INDEX, ...options }));
}

/** The documents are made beforehand. */
async function bare(node, optionsFor) {
  const { Client } = await import('@elastic/elasticsearch');
  const { ecsDocument } = await fromDist('adapter-elasticsearch', 'ecs-document.js');
  const client = new Client({ node });
  const send = async ({ documents, options }) => {
    const { successful, total } = await client.helpers.bulk({ datasource: documents, onDocument: ({ event }) => ({ create: { _index: INDEX, _id: event.id } }), ...options });
    if (successful !== total) throw new Error(`helpers.bulk: ${successful} of ${total}`);
  };
  const prepare = (batches) => {
    const documents = batches.flat().map(ecsDocument);
    return { documents, options: optionsFor(documents) };
  };
  return { prepare, send };
}

export const WAYS = {
  elasticsearch: (url) => elasticsearch(url, {}),
  'elasticsearch-unpacked': (url) => elasticsearch(url, { compression: false }),

  /** The client's own helper with its defaults. */
  'elasticsearch-bare': (node) => bare(node, () => ({})),
  /** The same, with requests like those of a lane: one at a time, of about 500 documents. */
  'elasticsearch-bare-500': (node) => bare(node, (documents) => ({ concurrency: 1, flushBytes: 500 * Math.ceil(JSON.stringify(documents).length / documents.length) })),

  datadog: async (url) => {
    const { DatadogAdapter } = await fromDist('adapter-datadog');
    return batchByBatch(new DatadogAdapter({ apiKey: API_KEY, service: 'order-service', logsUrl: url, metricsUrl: url }));
  },

  /** A lane asks `accepts()` first. */
  pagerduty: async (url) => {
    const { AlertingAdapter } = await fromDist('adapter-pagerduty');
    const adapter = new AlertingAdapter({ integrationKey: INTEGRATION_KEY, url });
    return batchByBatch(adapter, (batch) => batch.filter((event) => adapter.accepts(event)));
  },
};
