import { expect, test } from '@jest/globals';
import { TestMesh } from '../support/nodes.js';

test('a session that only ends its calls is still a session: counted, connected, with its bytes', async () => {
  const mesh = new TestMesh();
  let answer = (_value: string): void => {};
  let begun = (): void => {};
  const running = new Promise<void>((resolve) => (begun = resolve));
  await mesh.started('server', {}, (node) => node.handle('slow', () => (begun(), new Promise<string>((resolve) => (answer = resolve)))));
  const client = await mesh.started('client');
  const call = client.connect('server').call('slow', { text: 'x'.repeat(1_000) });
  await running;
  const before = client.snapshot();
  const disconnected = client.disconnect('server');
  const during = client.snapshot();
  expect(during).toMatchObject({ sessions: { inbound: 0, outbound: 1 }, connectedServices: ['server'] });
  expect(during.bytes.sent).toBeGreaterThanOrEqual(before.bytes.sent);
  expect(before.bytes.sent).toBeGreaterThan(1_000);
  answer('done');
  await Promise.all([call, disconnected]);
  const after = client.snapshot();
  expect(after).toMatchObject({ sessions: { inbound: 0, outbound: 0 }, connectedServices: [] });
  expect(after.bytes.sent).toBeGreaterThanOrEqual(during.bytes.sent);
  await mesh.stop();
});
