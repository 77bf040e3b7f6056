import { expect, test } from '@jest/globals';
import { FakeClock, silentLogger, type Logger, type SessionOwner } from '@lemur-bookstores/mesh-interface';
import { SessionOwners } from '../src/session-owners.js';
import { FakeOwner } from './support/fake-owner.js';

const setUp = () => {
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message, fields) => warnings.push(`${message}: ${String(fields?.['reason'])}`) };
  const clock = new FakeClock();
  return { clock, warnings, owners: new SessionOwners(clock, logger) };
};

test('asks all owners, and adds up what they answer', async () => {
  const { owners } = setUp();
  const [one, other] = [new FakeOwner(), new FakeOwner()];
  one.answer = { rotated: 2, ended: 1, left: 4 };
  owners.add(one);
  const end = owners.add(other);
  expect(await owners.ask('renewSessions', 'compromise', 10_000)).toEqual({ rotated: 5, ended: 1, left: 4 });
  expect([one.asked, other.asked]).toEqual([[{ way: 'renewSessions', trigger: 'compromise', withinMs: 10_000 }], [{ way: 'renewSessions', trigger: 'compromise', withinMs: 10_000 }]]);
  end();
  expect(await owners.ask('rekeySessions', 'manual', 10_000)).toEqual({ rotated: 2, ended: 1, left: 4 });
});

test('without owners there is nothing to wait for', async () => {
  expect(await setUp().owners.ask('rekeySessions', 'interval', 10_000)).toEqual({ rotated: 0, ended: 0, left: 0 });
});

test('an owner that throws, rejects or hangs disturbs nobody', async () => {
  const { owners, clock, warnings } = setUp();
  const good = new FakeOwner();
  const bad: SessionOwner[] = [
    { ...good, rekeySessions: () => { throw new Error('thrown'); }, renewSessions: () => good.renewSessions('manual', 1) },
    { ...good, rekeySessions: () => Promise.reject(new Error('rejected')), renewSessions: () => good.renewSessions('manual', 1) },
    { ...good, rekeySessions: () => new Promise(() => undefined), renewSessions: () => good.renewSessions('manual', 1) },
  ];
  for (const owner of [...bad, good]) owners.add(owner);
  const answer = owners.ask('rekeySessions', 'manual', 10_000);
  await clock.advance(11_000);
  expect(await answer).toEqual({ rotated: 3, ended: 0, left: 0 });
  expect(warnings.map((text) => /(thrown|rejected|no answer within \d+ ms)$/.exec(text)?.[0])).toEqual(['thrown', 'rejected', 'no answer within 11000 ms']);
  expect(clock.pendingTimers).toBe(0);
});
