// The monitoring stack of the guide, complete, on one mesh: console, file, Elasticsearch, Datadog, PagerDuty and metrics. Some seconds of traffic, in which not everything goes well; in the end all
// that was delivered is counted where it arrived. Usage: node monitoring-stack.mjs [seconds of calm traffic, default 4]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countDeliveries, scrape } from './deliveries.mjs';
import { startReceivers } from './receivers.mjs';
import { startServices } from './services.mjs';
import { monitoringStack } from './stack.mjs';
import { runTraffic } from './traffic.mjs';
import { judge } from './verdict.mjs';

const seconds = Number(process.argv[2] ?? 4);
if (!(seconds > 0 && seconds <= 600)) {
  console.error(`${process.argv[2]} is no number of seconds from 0 to 600`);
  process.exit(2);
}
/** For how long an incident that is over may stay open. */
const RESOLVED_WITHIN_MS = 20_000;

const say = (text) => console.log(`\n▸ ${text}`);
const home = mkdtempSync(join(tmpdir(), 'monitoring-stack-'));
const paths = { keysDir: join(home, 'keys'), logsDir: join(home, 'logs'), runtimeDir: join(home, 'run') };
// Broken off it leaves no keys behind. What it left in an Elasticsearch of the user's own is named mesh-example-….
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]]) {
  process.once(signal, () => {
    rmSync(home, { recursive: true, force: true });
    process.exit(code);
  });
}
const logger = { debug() {}, info() {}, warn: console.warn, error: console.error };
const receivers = await startReceivers();
const index = receivers.elasticsearch.isOwn ? `mesh-example-${Date.now()}` : 'mesh-logs';
process.exitCode = 1;
try {
  const stack = monitoringStack({ service: 'checkout', logs: join(paths.logsDir, 'audit'), index, ...receivers });
  const { checkout, payment, database } = await startServices(stack, { paths, logger });
  const done = await runTraffic({ checkout, payment, database }, { seconds, say });

  say('incidents that are over are resolved');
  for (const until = performance.now() + RESOLVED_WITHIN_MS; receivers.pagerDuty.events.open.length > 0 && performance.now() < until; ) await new Promise((resolve) => setTimeout(resolve, 50));
  const seen = { ...(await scrape(`http://127.0.0.1:${checkout.adminPort}`)), open: receivers.pagerDuty.events.open.length };
  await payment.cleanup();
  await checkout.cleanup();

  const delivered = await countDeliveries({ checkout, stack, index, receivers });
  say('what was delivered');
  const columns = ['emitted', 'filtered', 'delivered', 'queued', 'spilled', 'deadLettered', 'dropped'];
  console.table(Object.fromEntries(delivered.lanes.map((lane) => [lane.adapter, Object.fromEntries(columns.map((name) => [name, lane[name]]))])));
  const claims = judge({ done, seen, delivered });
  for (const { text, holds: isTrue, shown } of claims) console.log(`${isTrue ? '✓' : '✗'} ${text}\n    ${shown}`);
  if (claims.every(({ holds }) => holds)) process.exitCode = 0;
} finally {
  await removeIndex();
  await receivers.stop();
  rmSync(home, { recursive: true, force: true });
}

/** Of the user's own Elasticsearch: what was only for this run. */
async function removeIndex() {
  const { url, isOwn } = receivers.elasticsearch;
  if (!isOwn) return;
  for (const path of [index, `_index_template/secure-stack-mesh-${index}`]) await fetch(`${url}/${path}`, { method: 'DELETE' }).catch((error) => console.warn(`${path} is left there: ${error.message}`));
}
