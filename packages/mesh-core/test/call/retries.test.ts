import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, type FailedAttempt, type RetryDecision, type RetryPolicy } from '@lemur-bookstores/mesh-interface';
import type { CallOptions } from '../../src/call/call-options.js';
import { Retries, type RetriedCall } from '../../src/call/retries.js';
import type { MeshNode } from '../../src/mesh-node.js';
import { RecordingAudit, TestMesh } from '../support/nodes.js';
import { rejection, turns } from '../support/wire.js';

/** Three attempts 100 ms apart, of what provably has not run or is idempotent; writes down what it is asked. */
class TestPolicy implements RetryPolicy {
  began = (): void => void this.calls++;
  calls = 0;
  readonly asked: FailedAttempt[] = [];
  delayMs = 100;

  next(_target: string, error: MeshError, failed: FailedAttempt): RetryDecision {
    this.asked.push(failed);
    if (failed.attempt >= 3) return { retry: false, because: 'attempts' };
    if (!error.retryable) return { retry: false, because: 'not_retryable' };
    if (error.mayHaveRun !== false && !failed.idempotent) return { retry: false, because: 'may_have_run' };
    if (this.delayMs >= failed.remainingMs) return { retry: false, because: 'deadline' };
    return { retry: true, delayMs: this.delayMs };
  }
}

const unavailable = (mayHaveRun?: boolean): MeshError => new MeshError('busy', 'later', { code: 'UNAVAILABLE', ...(mayHaveRun === undefined ? {} : { mayHaveRun }) });

interface Rig {
  readonly mesh: TestMesh;
  readonly clock: FakeClock;
  readonly policy: TestPolicy;
  readonly client: MeshNode;
  readonly server: MeshNode;
  readonly audit: RecordingAudit;
  /** What the handler does in each run, in turn; then it answers. */
  readonly runs: ('fail' | 'hang')[];
  ran(): number;
  call(options?: CallOptions): Promise<unknown>;
  /** Until the policy was asked so often. */
  asked(times: number): Promise<void>;
}

let rigs: Rig[] = [];

async function rig(): Promise<Rig> {
  const clock = new FakeClock();
  const policy = new TestPolicy();
  const audit = new RecordingAudit();
  const mesh = new TestMesh({ clock });
  const runs: ('fail' | 'hang')[] = [];
  let ran = 0;
  const server = await mesh.started('server', {}, (node) => {
    node.handle('run', (input) => {
      ran++;
      const what = runs.shift();
      if (what === 'fail') throw unavailable();
      return what === 'hang' ? new Promise(() => {}) : input;
    });
  });
  const client = await mesh.started('client', { retry: policy, audit });
  const peer = client.connect('server');
  while (client.snapshot().sessions.outbound === 0) await turns();
  const asked = async (times: number): Promise<void> => {
    while (policy.asked.length < times) await turns();
  };
  const made = { mesh, clock, policy, client, server, audit, runs, ran: () => ran, call: (options?: CallOptions) => peer.call('run', 7, options), asked };
  rigs.push(made);
  return made;
}

afterEach(async () => {
  for (const { mesh, clock } of rigs) {
    const stopped = mesh.stop();
    await turns(10);
    await clock.advance(30_000);
    await stopped;
  }
  rigs = [];
});

describe('calls that are tried again', () => {
  test('an idempotent call is, after the wait; it counts once, and so does its event', async () => {
    const { call, runs, ran, clock, client, policy, asked, audit } = await rig();
    runs.push('fail', 'fail');
    const answer = call({ idempotent: true });
    await asked(1);
    await clock.advance(99);
    expect(ran()).toBe(1);
    await clock.advance(1);
    await asked(2);
    await clock.advance(100);
    expect([await answer, ran(), policy.calls]).toEqual([7, 3, 1]);
    expect(policy.asked.map(({ attempt, idempotent, lost }) => [attempt, idempotent, lost])).toEqual([[1, true, false], [2, true, false]]);
    expect(client.snapshot()).toMatchObject({ messagesSent: 1, messagesFailed: 0, retries: 2 });
    expect(audit.actions('message')).toEqual(['message.sent']);
  });

  test('one that may have run and is not idempotent is not', async () => {
    const { call, runs, ran, client } = await rig();
    runs.push('fail');
    expect(await rejection(call())).toMatchObject({ code: 'UNAVAILABLE', mayHaveRun: true });
    expect([ran(), client.snapshot().retries]).toEqual([1, 0]);
  });

  test('`retry: false` is one attempt, and the policy is not asked', async () => {
    const { call, runs, ran, policy } = await rig();
    runs.push('fail');
    expect(await rejection(call({ idempotent: true, retry: false }))).toMatchObject({ code: 'UNAVAILABLE' });
    expect([ran(), policy.calls, policy.asked]).toEqual([1, 0, []]);
  });

  test('the deadline is that of the whole call, and what is left of it is what the policy gets', async () => {
    const { call, runs, ran, clock, policy, asked } = await rig();
    runs.push('fail', 'hang');
    const failure = rejection(call({ idempotent: true, timeoutMs: 250 }));
    await asked(1);
    expect(policy.asked[0]?.remainingMs).toBe(250);
    await clock.advance(100);
    await turns(10);
    expect(ran()).toBe(2);
    await clock.advance(160);
    expect(await failure).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayHaveRun: true });
  });

  test('cancelled while it waits, it ends at once, says that it may have run, and is not tried again', async () => {
    const { call, runs, ran, clock, asked, client } = await rig();
    runs.push('fail');
    const abort = new AbortController();
    const failure = rejection(call({ idempotent: true, signal: abort.signal }));
    await asked(1);
    abort.abort();
    expect(await failure).toMatchObject({ code: 'CANCELLED', mayHaveRun: true });
    await clock.advance(1_000);
    await turns(10);
    expect([ran(), client.snapshot().retries]).toEqual([1, 0]);
  });

  test('a mesh that stops makes none wait: it fails with what it failed with', async () => {
    const { call, runs, clock, asked, client } = await rig();
    runs.push('fail');
    const failure = rejection(call({ idempotent: true }));
    await asked(1);
    const stopped = client.stop();
    expect(await failure).toMatchObject({ reason: 'busy', mayHaveRun: true });
    await clock.advance(30_000);
    await stopped;
    expect(client.snapshot().retries).toBe(0);
  });

  test('an idempotent call whose instance goes away unanswered goes to the one that takes its place', async () => {
    const { mesh, clock, server, client, call, runs, ran, policy } = await rig();
    runs.push('hang');
    const answer = call({ idempotent: true });
    while (ran() === 0) await turns();
    const stopped = server.stop();
    await turns(10);
    await clock.advance(10_000);
    await stopped;
    await mesh.started('server', {}, (node) => node.handle('run', () => 'again'));
    for (let i = 0; i < 50; i++) {
      await clock.advance(100);
      await turns(5);
    }
    expect([await answer, client.snapshot().retries, client.snapshot().messagesSent]).toEqual(['again', 1, 1]);
    expect(policy.asked.map(({ lost }) => lost)).toEqual([true]);
  });
});

describe('Retries', () => {
  class WaitingCall implements RetriedCall {
    readonly told: string[] = [];
    onRetry = (): void => void this.told.push('retry');
    onNoRetry = ({ reason }: MeshError): void => void this.told.push(reason);
  }
  const failed: FailedAttempt = { attempt: 1, idempotent: true, remainingMs: 1_000 };

  test('a call hears once: of its turn, of the stop, or of nothing once it has left', async () => {
    const clock = new FakeClock();
    const retries = new Retries(new TestPolicy(), clock);
    const [turn, left, stopped] = [new WaitingCall(), new WaitingCall(), new WaitingCall()];
    for (const call of [turn, left]) expect(retries.again(call, 's', unavailable(false), failed)).toBe(true);
    retries.leave(left);
    await clock.advance(100);
    retries.again(stopped, 's', unavailable(false), failed);
    retries.stop();
    await clock.advance(10_000);
    expect([turn.told, left.told, stopped.told, retries.retried]).toEqual([['retry'], [], ['busy'], 1]);
    expect(retries.again(new WaitingCall(), 's', unavailable(false), failed)).toBe(false);
  });

  test('10,000 wait at most; what comes then costs nothing of the budget', () => {
    const policy = new TestPolicy();
    const retries = new Retries(policy, new FakeClock());
    for (let i = 0; i < 10_000; i++) retries.again(new WaitingCall(), 's', unavailable(false), failed);
    expect([retries.again(new WaitingCall(), 's', unavailable(false), failed), policy.asked.length]).toEqual([false, 10_000]);
  });
});
