import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ElasticsearchAdapter } from '../src/elasticsearch-adapter.js';
import { startElasticsearchContract, type ElasticsearchContract } from './support/elasticsearch-contract.js';
import { removeFrom } from './support/elasticsearch-removal.js';
import { eventOf } from './support/events.js';

let cluster: ElasticsearchContract;
beforeAll(async () => void (cluster = await startElasticsearchContract()));
afterAll(() => cluster.stop());

test('of what tests have made in a server of the user\'s own nothing is left, and what was there stays', async () => {
  const made = ['mesh-test-1', 'logs-mesh.test-1'];
  for (const index of ['mesh-mine', 'logs-mesh.mine', ...made]) {
    const adapter = new ElasticsearchAdapter({ node: cluster.url, index, dataStream: index.startsWith('logs') });
    await adapter.logEvent(eventOf());
    await adapter.close();
  }
  await removeFrom(cluster.url, [...made, 'mesh-test-never']);
  const names = async (path: string, list: string): Promise<string[]> => ((await (await fetch(`${cluster.url}/${path}`)).json()) as Record<string, { name: string }[]>)[list]!.map(({ name }) => name);
  expect([await names('_data_stream', 'data_streams'), await names('_index_template', 'index_templates')]).toEqual([['logs-mesh.mine'], ['secure-stack-mesh-mesh-mine', 'secure-stack-mesh-logs-mesh.mine']]);
  expect(cluster.documents().map(({ index }) => index)).toEqual([expect.stringMatching(/^\.ds-logs-mesh\.mine-/), 'mesh-mine']);
  await expect(removeFrom(cluster.url, ['mesh-*'])).rejects.toThrow('names more than one');
});
