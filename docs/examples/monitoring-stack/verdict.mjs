// What the example claims, each claim with the evidence for it. It exits with 0 only if every one holds.

const claim = (text, holds, shown) => ({ text, holds: holds === true, shown });
const is = (one, other) => one.size === other.size && [...one.keys()].every((key) => other.has(key));
const REMOTE = ['elasticsearch', 'datadog', 'pagerduty'];

/**
 * @param done by traffic.mjs
 * @param seen while it ran: metrics that were scraped, how many incidents were open after the time in which they should have ended
 * @param delivered by deliveries.mjs
 */
export function judge({ done, seen, delivered }) {
  return [...aboutTheLanes(delivered), ...aboutTheEvents(done, delivered), ...aboutTheIncidents(done, seen, delivered), ...aboutTheMetrics(done, seen, delivered)];
}

function aboutTheLanes({ lanes }) {
  const agrees = ({ emitted, filtered, delivered, queued, spilled, deadLettered, dropped }) => emitted === filtered + delivered + queued + spilled + deadLettered + dropped;
  const lost = lanes.reduce((sum, { queued, spilled, deadLettered, dropped }) => sum + queued + spilled + deadLettered + dropped, 0);
  return [
    claim('each adapter had every event, or had no use for it', lanes.length === 5 && lanes.every(agrees) && lost === 0, `${lanes.length} adapters, ${lost} events lost or left`),
    claim('no delivery failed', lanes.length > 0 && lanes.every(({ failures }) => failures === 0), REMOTE.map((name) => `${name} ${lanes.find(({ adapter }) => adapter === name)?.failures ?? '?'}`).join(', ')),
  ];
}

/** The file tells the others of its checkpoints, and has no line for them itself. */
function aboutTheEvents({ answered, failed }, { lanes, file, elasticsearch, datadog }) {
  const checkpoints = [...elasticsearch.values()].filter((action) => action === 'audit.checkpoint').length;
  const withoutThem = new Map([...elasticsearch].filter(([, action]) => action !== 'audit.checkpoint'));
  const messages = [...file.values()].filter((action) => action === 'message.sent' || action === 'message.failed').length;
  const emitted = lanes.find(({ adapter }) => adapter === 'elasticsearch')?.emitted;
  return [
    claim('documents in Elasticsearch = lines of the file and its checkpoints', file.size > 0 && is(withoutThem, file), `${elasticsearch.size} = ${file.size} + ${checkpoints}`),
    claim('logs in Datadog = documents in Elasticsearch, by their ids', elasticsearch.size > 0 && is(datadog.ids, elasticsearch) && datadog.logs === elasticsearch.size, `${datadog.logs} = ${elasticsearch.size}`),
    claim('that is all that happened', elasticsearch.size === emitted && messages >= answered + failed, `${emitted} events, ${messages} of calls out`),
    claim('Datadog keeps them as they were sent', datadog.logs > 0 && Object.values(datadog.losses).every((count) => count === 0), `${Object.values(datadog.losses).reduce((sum, count) => sum + count, 0)} cut, late or with tags that it would change`),
  ];
}

function aboutTheIncidents({ refusedByBreaker, refusedPrices, rotation }, { open }, { file, pagerDuty: { alerts, changes, counts } }) {
  const of = (rule) => alerts.filter(({ dedupKey }) => dedupKey.includes(`/checkout/${rule}/`));
  const [opened, limited] = [of('breakerOpen'), of('rateLimited')];
  const times = (action) => [...file.values()].filter((one) => one === action).length;
  const isOver = (list) => list.length === 1 && list[0].status === 'resolved' && list[0].opened === 1;
  const shown = (list) => list.map(({ dedupKey, status, opened: count, triggers }) => `${dedupKey}: ${status}, opened ${count}, told ${triggers}`).join('; ') || 'none';
  return [
    claim('the breaker that opened is one incident, and its closing resolved it', refusedByBreaker > 0 && times('breaker.opened') > 0 && times('breaker.closed') > 0 && isOver(opened), shown(opened)),
    claim('so is the peer that asked too often: resolved when it stopped', refusedPrices > 0 && times('rate.limited') > 0 && isOver(limited), shown(limited)),
    claim('they were resolved when they were over, and not by the end of checkout', open === 0, `${open} open before it`),
    claim('there is no other incident', alerts.length === 2 && counts.invalid === 0 && counts.throttled === 0, `${alerts.length} incidents, ${counts.triggers + counts.resolves + counts.changes} calls, ${counts.invalid} refused`),
    claim('the rotation is a change event', rotation?.keyId !== undefined && changes.length === 1, changes.map(({ summary }) => summary).join('; ') || 'none'),
  ];
}

function aboutTheMetrics({ answered, failed, refusedByBreaker }, seen, { datadog }) {
  const made = answered + failed + refusedByBreaker;
  const pushes = new Set(datadog.points.map(({ timestamp }) => timestamp)).size;
  return [
    claim('/metrics was scraped: it counts at least the calls that the caller made', seen.status === 200 && seen.calls >= made, `${seen.samples} samples, ${seen.calls} calls, ${made} made`),
    claim('Datadog got metrics, more than once', datadog.series.size > 10 && pushes > 1, `${datadog.series.size} metrics, ${datadog.points.length} points, at ${pushes} times`),
  ];
}
