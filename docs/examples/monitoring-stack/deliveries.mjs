// What each receiver has in the end, counted there, and what the mesh counted.
import { ElasticsearchAdapter } from '@lemur-bookstores/adapter-elasticsearch';

/** @returns {Promise<Map<string, string>>} the action of each event, by its id */
async function eventsOf(query) {
  const events = new Map();
  for await (const { id, details } of query) events.set(id, details.action);
  return events;
}

/** The scrape of /metrics: the sum of all samples of a metric. */
export async function scrape(url) {
  const response = await fetch(`${url}/metrics`);
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const sumOf = (name) => lines.filter((line) => line.startsWith(`${name}{`)).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  return { status: response.status, samples: lines.length, calls: sumOf('mesh_calls_ended_total') };
}

/** After `cleanup()`: nothing is under way. */
export async function countDeliveries({ checkout, stack, index, receivers: { elasticsearch, datadog, pagerDuty } }) {
  const lanes = checkout.audit.stats().adapters;
  const delivered = lanes.find(({ adapter }) => adapter === 'elasticsearch')?.delivered ?? 0;
  const { alerts, changes, counts } = pagerDuty.events;
  return {
    lanes,
    file: await eventsOf(stack.trail.query()),
    elasticsearch: await searched(new ElasticsearchAdapter({ node: elasticsearch.url, index }), delivered),
    datadog: { logs: datadog.logs.length, ids: datadog.ids, losses: datadog.losses, series: new Set(datadog.points.map(({ metric }) => metric)), points: datadog.points },
    pagerDuty: { alerts: [...alerts.values()], changes, counts },
  };
}

/** By another adapter: whoever asks need not be whoever logged. Elasticsearch finds what it has taken at its next refresh, a second later at most. */
async function searched(search, expected) {
  try {
    for (let tries = 0; ; tries++) {
      const events = await eventsOf(search.query());
      if (events.size >= expected || tries === 50) return events;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } catch (error) {
    console.error(`Elasticsearch does not say what it has: ${error.message}`);
    return new Map();
  } finally {
    await search.close();
  }
}
