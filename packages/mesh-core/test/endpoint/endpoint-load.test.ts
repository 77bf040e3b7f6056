import { describe, expect, test } from '@jest/globals';
import { MeshError, type MeshErrorCode } from '@lemur-bookstores/mesh-interface';
import { EndpointLoad } from '../../src/endpoint/endpoint-load.js';
import { connectionLost } from '../../src/session/connection-lost.js';
import { decodeErrorReply, encodeErrorReply } from '../../src/wire/error-reply.js';

const failed = (code: MeshErrorCode): MeshError => new MeshError('of_the_test', 'said by the peer', { code });

/** What one call that took 3 ms does to a load: its cost, and what the judge hears. */
function after(error: MeshError | undefined): { cost: number; judged: boolean[] } {
  const load = new EndpointLoad();
  const judged: boolean[] = [];
  load.judge = { judge: (_record, failure) => void judged.push(failure) };
  load.latency.observe(100, 0);
  load.ended(3, 10_000, error);
  return { cost: Math.round(load.latency.at(10_000)), judged };
}

describe('what a call says of its instance', () => {
  test('a result draws the cost to itself; so does an error that is about the call', () => {
    expect(after(undefined)).toEqual({ cost: 39, judged: [false] });
    for (const code of ['INVALID_ARGUMENT', 'PERMISSION_DENIED', 'NOT_FOUND', 'FAILED_PRECONDITION'] as const) expect(after(failed(code))).toEqual({ cost: 39, judged: [false] });
  });

  test('RESOURCE_EXHAUSTED counts as slow, and is no failure', () => {
    expect(after(failed('RESOURCE_EXHAUSTED'))).toEqual({ cost: 5_000, judged: [] });
  });

  test('UNAVAILABLE counts as slow, and is one', () => {
    expect(after(failed('UNAVAILABLE'))).toEqual({ cost: 5_000, judged: [true] });
  });

  test('other failures leave the cost to time, however quick they are', () => {
    for (const code of ['INTERNAL', 'UNKNOWN', 'DEADLINE_EXCEEDED', 'DATA_LOSS'] as const) expect(after(failed(code))).toEqual({ cost: 37, judged: [true] });
  });

  test('a cancelled call took at least that long, and is no failure; a lost connection says nothing', () => {
    expect(after(failed('CANCELLED'))).toEqual({ cost: 37, judged: [] });
    expect(after(connectionLost({ type: 'closed', by: 'peer' }))).toEqual({ cost: 37, judged: [] });
  });

  test('regression: an answer that tells of a connection lost elsewhere is a failure of its instance', () => {
    const passedOn = decodeErrorReply(encodeErrorReply(connectionLost({ type: 'closed', by: 'peer' })), false);
    expect(passedOn.reason).toBe('connection_lost');
    expect(after(passedOn)).toEqual({ cost: 5_000, judged: [true] });
  });

  test('connected anew, its latency is unknown; its ejections are not forgotten', () => {
    const load = new EndpointLoad();
    load.ended(3, 1, undefined);
    load.record.eject(5);
    load.record.comeBack(7);
    load.connected(6);
    expect([load.latency.known, load.record.ejections, load.since]).toEqual([false, 1, 7]);
  });
});
