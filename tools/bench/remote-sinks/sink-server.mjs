// A contract server in a process of its own: `node sink-server.mjs <elasticsearch|datadog|pagerduty>`.
import { DatadogServer } from '../../contract-servers/datadog.mjs';
import { ElasticsearchCluster } from '../../contract-servers/elasticsearch.mjs';
import { PagerDutyServer } from '../../contract-servers/pagerduty.mjs';
import { answerTasks } from '../tasks.mjs';
import { API_KEY } from './ways.mjs';

const servers = {
  elasticsearch: () => new ElasticsearchCluster(),
  datadog: () => new DatadogServer({ apiKey: API_KEY, keep: 'ids' }),
  pagerduty: () => new PagerDutyServer(),
};
const server = await servers[process.argv[2]]().start();
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};
answerTasks({ cpuMs }, { url: server.url });
