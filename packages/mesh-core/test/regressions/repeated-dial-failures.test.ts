import { expect, test } from '@jest/globals';
import { FakeClock, MeshError } from '@lemur-bookstores/mesh-interface';
import { ConnectionJournal } from '../../src/session/connection-journal.js';
import { RecordingAudit, RecordingLogger } from '../support/nodes.js';
import { RecordingDelegate, SessionRig } from '../support/session-rig.js';

const untrusted = new MeshError('peer_untrusted', 'foreign');
const down = new MeshError('connect_failed', 'nobody');

function rig(): { clock: FakeClock; logger: RecordingLogger; journal: ConnectionJournal; fail(error: MeshError, serviceId?: string, address?: string): void; said(): unknown[] } {
  const [clock, audit, logger] = [new FakeClock(), new RecordingAudit(), new RecordingLogger()];
  const journal = new ConnectionJournal(audit, logger, clock);
  const fail = (error: MeshError, serviceId = 'server', address = 'h:1'): void => journal.dialFailed(serviceId, address, error, 1);
  const said = (): unknown[] => audit.events.splice(0).map(({ targetServiceId, details }) => [targetServiceId, details.metadata?.['reason'], details.messageCount]);
  return { clock, logger, journal, fail, said };
}

test('a peer that is dialled for ever is said at once, then once a minute with a number; every dial is counted', async () => {
  const { clock, logger, journal, fail, said } = rig();
  for (let i = 0; i < 12; i++) fail(untrusted);
  expect(said()).toEqual([['server', 'peer_untrusted', 1]]);
  await clock.advance(60_000);
  expect(said()).toEqual([['server', 'peer_untrusted', 11]]);
  expect(logger.lines).toHaveLength(2);
  expect([journal.failed, journal.handshakes, clock.pendingTimers]).toEqual([12, { peer_untrusted: 12 }, 0]);
});

test('each service and each reason is said for itself', () => {
  const { fail, said } = rig();
  fail(untrusted);
  fail(untrusted, 'other');
  fail(down);
  expect(said()).toEqual([['server', 'peer_untrusted', 1], ['other', 'peer_untrusted', 1], ['server', 'connect_failed', 1]]);
});

test('every change of an instance is said', () => {
  const { fail, said } = rig();
  for (const error of [down, down, untrusted, untrusted, down]) fail(error);
  expect(said()).toEqual([['server', 'connect_failed', 1], ['server', 'peer_untrusted', 1], ['server', 'connect_failed', 1]]);
});

test('two instances that fail differently in turn are no change', () => {
  const { fail, said } = rig();
  for (let i = 0; i < 10; i++) {
    fail(down, 'server', 'h:1');
    fail(untrusted, 'server', 'h:2');
  }
  expect(said()).toHaveLength(2);
});

test('a service that was reached between is said at once again', () => {
  const { journal, fail, said } = rig();
  fail(down);
  fail(down);
  said();
  journal.opened('outbound', new SessionRig('initiator', new RecordingDelegate()).session, 'server');
  expect(said()[0]).toEqual(['server', 'connect_failed', 1]);
  fail(down);
  expect(said()).toEqual([['server', 'connect_failed', 1]]);
});

test('what is remembered is capped, and nothing is lost by it', () => {
  const { journal, fail, said } = rig();
  for (let i = 0; i < 5_000; i++) fail(down, 'server', `h:${i}`);
  journal.flush();
  expect((said() as [string, string, number][]).reduce((sum, [, , count]) => sum + count, 0)).toBe(5_000);
});
