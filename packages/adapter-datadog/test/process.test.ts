import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { eventOf } from './support/events.js';
import { API_KEY, serverWith } from './support/setting.js';

const run = promisify(execFile);
const program = (url: string, end: string): string => `
  import { DatadogAdapter } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
  const adapter = new DatadogAdapter({ apiKey: '${API_KEY}', service: 'orders', logsUrl: '${url}', metricsUrl: '${url}', timeoutMs: 600_000 });
  const event = JSON.parse(${JSON.stringify(JSON.stringify(eventOf()))});
  adapter.logEvent({ ...event, timestamp: new Date() }).then(() => console.log('delivered'), (error) => console.log(error.reason));
  ${end}`;

test.each(['close', 'flush'])('%s() keeps the process until what is under way is delivered', async (end) => {
  const server = await serverWith();
  server.faults.failNext('slow-body');
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program(server.url, `await adapter.${end}(); console.log('over');`)], { timeout: 20_000 });
  expect(stdout).toBe('delivered\nover\n');
  expect(server.ids.size).toBe(1);
});

test('left alone with a request that hangs it keeps no process', async () => {
  const server = await serverWith();
  server.faults.failNext('hang');
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program(server.url, '')], { timeout: 20_000 });
  expect(stdout).toBe('');
});
