import { inspect } from 'node:util';
import { createServer } from 'node:http';
import { expect, test } from '@jest/globals';
import { FAULTS } from './support/datadog-server.js';
import { eventOf } from './support/events.js';
import { adapterFor, API_KEY, atEnd, serverWith } from './support/setting.js';
import { snapshotOf } from './support/snapshots.js';

const said = (value: unknown): string => [inspect(value, { depth: Infinity, showHidden: true }), JSON.stringify(value), String(value), value instanceof Error ? `${value.stack} ${inspect(value.cause)}` : ''].join('\n');
const failureOf = (work: Promise<unknown> | undefined): Promise<unknown> => (work ?? Promise.resolve()).then(() => 'nothing', (error: unknown) => error);

test('the adapter prints no key, at any time of its life', async () => {
  const server = await serverWith();
  const adapter = adapterFor(server);
  const printed = [said(adapter)];
  await adapter.logEvent(eventOf());
  printed.push(said(adapter));
  server.faults.failNext('503');
  await failureOf(adapter.logEvent(eventOf()));
  await adapter.close();
  printed.push(said(adapter));
  expect(printed.join()).not.toContain(API_KEY);
});

test('no failure shows the key, whatever the service does', async () => {
  const server = await serverWith();
  for (const fault of FAULTS.filter((each) => !['hang', 'slow-body'].includes(each))) {
    const adapter = adapterFor(server);
    server.faults.failNext(fault, { count: Infinity });
    for (const failure of [await failureOf(adapter.logEvent(eventOf())), await failureOf(adapter.logMetrics?.(snapshotOf()))]) {
      expect(failure).toBeInstanceOf(Error);
      expect(said(failure)).not.toContain(API_KEY);
    }
    server.faults.clear();
  }
});

test('a service that repeats what it got does not bring the key into the log', async () => {
  const echo = createServer((request, response) => request.resume().on('end', () => response.writeHead(400).end(`you sent ${JSON.stringify(request.headers)} ${'x'.repeat(100_000)}`)));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  atEnd(() => echo.closeAllConnections());
  atEnd(() => echo.close());
  const failure = await failureOf(adapterFor({ url: `http://127.0.0.1:${(echo.address() as { port: number }).port}` }).logEvent(eventOf()));
  expect(failure).toMatchObject({ reason: 'sink_refused', text: expect.stringContaining('you sent') });
  expect(said(failure)).not.toContain(API_KEY);
  expect(said(failure).length).toBeLessThan(10_000);
});

test('a key that cannot be one is in no problem', () => {
  for (const apiKey of [`${API_KEY}\n`, `${API_KEY} ${API_KEY}`, `${API_KEY}é`]) {
    const attempt = (): unknown => adapterFor({ url: 'http://127.0.0.1:1' }, { apiKey });
    expect(attempt).toThrow(/apiKey/);
    try {
      attempt();
    } catch (error) {
      expect(said(error)).not.toContain(API_KEY);
    }
  }
});
