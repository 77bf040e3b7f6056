import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { expect, test } from '@jest/globals';
import type { MeshError } from '@lemur-bookstores/mesh-interface';
import { eventOf } from './support/events.js';
import { adapterFor, API_KEY, atEnd, serverWith } from './support/setting.js';
import { snapshotOf } from './support/snapshots.js';

async function intakeThat(answers: (response: ServerResponse, request: IncomingMessage) => unknown): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => void request.resume().on('end', () => answers(response, request)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, server };
}

test.each([
  ['nothing', ''],
  ['an empty object', ' {}\n'],
  ['no errors', '{"errors":[]}'],
])('2xx with %s is taken', async (_what, said) => {
  const { url } = await intakeThat((response) => response.writeHead(200).end(said));
  await adapterFor({ url }).logEvent(eventOf());
  await adapterFor({ url }).logMetrics?.(snapshotOf());
});

test.each([
  ['a page', '<html></html>'],
  ['a text', '"ok"'],
  ['a list', '[]'],
  ['half an object', '{"errors":['],
  ['more behind it than is read', `{}${' '.repeat(100_000)}<html>`],
])('2xx with %s is not, and worth another try', async (_what, said) => {
  const { url } = await intakeThat((response) => response.writeHead(202).end(said));
  await expect(adapterFor({ url }).logEvent(eventOf())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true });
});

test('2xx with errors is a refusal', async () => {
  const { url } = await intakeThat((response) => response.writeHead(202).end('{"errors":["Payload is not in the expected format: \\u001b[2J"]}'));
  const failure = (await adapterFor({ url }).logMetrics?.(snapshotOf()).catch((error: unknown) => error)) as MeshError;
  expect(failure).toMatchObject({ reason: 'sink_refused', retryable: false });
  expect(failure.message).toContain('not in the expected format');
  expect(failure.message).not.toContain('\u001b');
});

test('an answer without end is not read to its end', async () => {
  let written = 0;
  const { url } = await intakeThat((response) => {
    response.writeHead(202);
    const more = (): void => {
      if (response.destroyed) return;
      written += 65_536;
      response.write(Buffer.alloc(65_536, 'x'), more);
    };
    more();
  });
  await expect(adapterFor({ url }).logEvent(eventOf())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true });
  expect(written).toBeLessThan(50_000_000);
});

test('a redirect is not followed: events and key stay here', async () => {
  const elsewhere = await serverWith();
  for (const status of [301, 302, 307, 308]) {
    const { url } = await intakeThat((response) => response.writeHead(status, { location: elsewhere.logsUrl }).end());
    await expect(adapterFor({ url }).logEvent(eventOf())).rejects.toMatchObject({ reason: 'sink_not_found', retryable: false, text: expect.stringContaining('redirect') });
  }
  expect(elsewhere.requests).toBe(0);
});

test('a host that is not there is worth another try, and its error names it, and no key', async () => {
  const failure = (await adapterFor({ url: 'https://http-intake.logs.invalid' }).logEvent(eventOf()).catch((error: unknown) => error)) as MeshError;
  expect(failure).toMatchObject({ reason: expect.stringMatching(/^adapter_(failed|timeout)$/), retryable: true, text: expect.stringContaining('http-intake.logs.invalid') });
  expect(failure.stack).not.toContain(API_KEY);
});
