import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { startElasticsearchContract } from './support/elasticsearch-contract.js';

test('a process with an adapter that it has not closed ends by itself', async () => {
  const cluster = await startElasticsearchContract();
  try {
    const child = fileURLToPath(new URL('children/open-adapter.mjs', import.meta.url));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [child, cluster.url], { timeout: 20_000 });
    expect(stdout).toContain('done\n');
    expect(stderr).toBe('');
    expect(cluster.count('mesh-child')).toBe(2);
  } finally {
    await cluster.stop();
  }
});

test('constructing an adapter does not load the client', async () => {
  const script = `import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}).then(({ ElasticsearchAdapter }) => {
    new ElasticsearchAdapter({ node: 'http://127.0.0.1:9', index: 'mesh' });
    console.log(Object.keys(require.cache).filter((file) => file.includes('@elastic')).length, process.getActiveResourcesInfo().join());
  })`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { timeout: 20_000 });
  expect(stdout.trim()).toMatch(/^0( |$)/);
});
