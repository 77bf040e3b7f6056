import { expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { FakeRekeying } from '../support/fake-rekeying.js';
import { RecordingAudit, TestMesh, type NodeSettings } from '../support/nodes.js';
import type { PlainChannel } from '../support/plain-channels.js';

test('a rekey counts once: while its session lives, while it drains, and once it has ended', async () => {
  const mesh = new TestMesh();
  const clock = new FakeClock();
  const channels: PlainChannel[] = [];
  const rekeyings: FakeRekeying[] = [];
  const audits = { server: new RecordingAudit(), client: new RecordingAudit() };
  const of = (name: keyof typeof audits): NodeSettings => ({
    audit: audits[name],
    hooks: {
      onChannel: (channel) => {
        channels.push(channel);
        rekeyings.push(new FakeRekeying(channel, clock));
      },
    },
  });
  let answer = (_value: string): void => {};
  let begun = (): void => {};
  const running = new Promise<void>((resolve) => (begun = resolve));
  const server = await mesh.started('server', of('server'), (node) => node.handle('slow', () => (begun(), new Promise<string>((resolve) => (answer = resolve)))));
  const client = await mesh.started('client', of('client'));
  const both = (): number[] => [server, client].flatMap((node) => [node.snapshot().rekeys, node.snapshot().rekeysFailed]);
  const call = client.connect('server').call('slow', {});
  await running;
  expect([channels.length, both()]).toEqual([2, [0, 0, 0, 0]]);

  for (let i = 0; i < 3; i++) for (const rekeying of rekeyings) rekeying.rotate();
  expect(both()).toEqual([3, 0, 3, 0]);
  // Its keys will not change any more: the session drains, and another takes over.
  rekeyings.find((_rekeying, index) => channels[index]?.role === 'initiator')?.spend('no-answer');
  expect(both()).toEqual([3, 0, 3, 1]);
  const disconnected = client.disconnect('server');
  expect(both()).toEqual([3, 0, 3, 1]);
  answer('done');
  await Promise.all([call, disconnected]);
  await mesh.stop();
  expect(channels.filter(({ epoch }) => epoch > 0).every(({ destroyed }) => destroyed)).toBe(true);
  expect(both()).toEqual([3, 0, 3, 1]);
  for (const audit of Object.values(audits)) {
    const actions = audit.actions('key_rotation');
    expect(actions.filter((action) => action === 'key.rotated')).toHaveLength(3);
    expect(actions.filter((action) => action === 'key.retired')).toHaveLength(actions.filter((action) => action === 'key.activated').length);
  }
  expect(audits.client.actions('key_rotation')).toContain('key.rotation_failed');
});
