// A contract server of tools/contract-servers in a process of its own: what it keeps is no memory of the process under test. What it is told and asked is its parent's.
const { CONTRACT_SERVER: name, CONTRACT_OPTIONS: options } = process.env;

/** The class, and what of it is known in the end. */
const SERVERS = {
  elasticsearch: ['ElasticsearchCluster', (cluster) => ({ ids: [...cluster.ids], duplicates: cluster.duplicates, count: cluster.count(), refusedItems: cluster.refusedItems })],
  datadog: ['DatadogServer', ({ ids }) => ({ ids: [...ids] })],
  pagerduty: ['PagerDutyServer', ({ events: { alerts, changes, counts, mostCallsInWindow } }) => ({ alerts: [...alerts.values()], changes, counts, mostCallsInWindow })],
};

const [className, stateOf] = SERVERS[name];
const { [className]: Server } = await import(new URL(`../../../../tools/contract-servers/${name}.mjs`, import.meta.url).href);
const server = await new Server(JSON.parse(options)).start();

const tasks = {
  down: () => server.down(),
  up: () => server.up(),
  state: () => ({ ...stateOf(server), faults: server.faults.counts ?? server.faults, requests: server.requests }),
};
process.on('message', async (task) => process.send((await tasks[task]()) ?? 'done'));
process.on('disconnect', () => process.exit(0));
process.send({ url: server.url });
