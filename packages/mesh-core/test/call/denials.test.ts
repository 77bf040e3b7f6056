import { describe, expect, test } from '@jest/globals';
import { FakeClock, MeshError, nullAuditSink, type PeerIdentity } from '@lemur-bookstores/mesh-interface';
import { Denials, type Denial } from '../../src/call/denials.js';
import { RecordingAudit } from '../support/nodes.js';

const peer = (serviceId: string): PeerIdentity => ({ id: `spiffe://test/${serviceId}`, trustDomain: 'test', serviceId, publicKey: 'pin', notAfter: Infinity });
const trace = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const denial = (change: Partial<Denial> = {}): Denial => ({ peer: peer('client'), address: '10.0.0.1:1', method: 'pay', error: new MeshError('permission_denied', 'not you'), trace: undefined, mode: 'enforce', ...change });

function rig(): { clock: FakeClock; audit: RecordingAudit; denials: Denials } {
  const [clock, audit] = [new FakeClock(), new RecordingAudit()];
  return { clock, audit, denials: new Denials(audit, clock) };
}

describe('denials', () => {
  test('the first is said at once, with who was denied what, and the trace of its call', () => {
    const { audit, denials } = rig();
    denials.note(denial({ trace }));
    expect(audit.events).toEqual([
      {
        eventType: 'connection',
        targetServiceId: 'client',
        details: {
          action: 'auth.denied',
          success: false,
          messageCount: 1,
          error: 'permission_denied: not you',
          metadata: { direction: 'inbound', address: '10.0.0.1:1', peerId: 'spiffe://test/client', method: 'pay', reason: 'permission_denied', mode: 'enforce' },
        },
        trace,
      },
    ]);
  });

  test('those like it are one number a second, without a trace; then the next is said at once again', async () => {
    const { clock, audit, denials } = rig();
    for (let i = 0; i < 1_000; i++) denials.note(denial({ address: `10.0.0.1:${i}`, trace }));
    expect(audit.events).toHaveLength(1);
    await clock.advance(1_000);
    expect(audit.events.slice(1).map(({ details, trace: of }) => [details.messageCount, details.metadata?.['address'], of])).toEqual([[999, '10.0.0.1:999', undefined]]);
    denials.note(denial());
    await clock.advance(5_000);
    expect(audit.events.map(({ details }) => details.messageCount)).toEqual([1, 999, 1]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('another peer, method or reason is news', () => {
    const { audit, denials } = rig();
    for (const change of [{}, { peer: peer('other') }, { method: 'refund' }, { error: new MeshError('not_owner', 'yours it is not', { code: 'PERMISSION_DENIED' }) }]) {
      denials.note(denial(change));
      denials.note(denial(change));
    }
    expect(audit.events.map(({ targetServiceId, details }) => [targetServiceId, details.metadata?.['method'], details.metadata?.['reason']])).toEqual([
      ['client', 'pay', 'permission_denied'],
      ['other', 'pay', 'permission_denied'],
      ['client', 'refund', 'permission_denied'],
      ['client', 'pay', 'not_owner'],
    ]);
  });

  test('reasons without end do not flood the trail either: beyond 1,000 they are one number', async () => {
    const { clock, audit, denials } = rig();
    for (let i = 0; i < 3_000; i++) denials.note(denial({ error: new MeshError(`r${i}`, 'no', { code: 'PERMISSION_DENIED' }) }));
    expect(audit.events).toHaveLength(1_000);
    await clock.advance(1_000);
    expect(audit.events).toHaveLength(1_001);
    expect(audit.events.at(-1)).toMatchObject({ details: { action: 'auth.denied', messageCount: 2_000 } });
    expect(audit.events.at(-1)).not.toHaveProperty('targetServiceId');
  });

  test('whether they were let through is told apart, too', async () => {
    const { clock, audit, denials } = rig();
    for (const mode of ['enforce', 'audit', 'audit'] as const) for (let i = 0; i < 1_001; i++) denials.note(denial({ error: new MeshError(`r${i}`, 'no', { code: 'PERMISSION_DENIED' }), mode }));
    await clock.advance(1_000);
    expect(audit.events.filter(({ targetServiceId }) => targetServiceId === undefined).map(({ details }) => [details.messageCount, details.metadata])).toEqual([
      [1, { direction: 'inbound', mode: 'enforce' }],
      [2_002, { direction: 'inbound', mode: 'audit' }],
    ]);
    expect(denials.count).toBe(3_003);
  });

  test('flush() says what is left and stops the timer', () => {
    const { clock, audit, denials } = rig();
    for (let i = 0; i < 3; i++) denials.note(denial());
    denials.flush();
    denials.flush();
    expect(audit.events.map(({ details }) => details.messageCount)).toEqual([1, 2]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('where nobody listens nothing is kept but their number', () => {
    const clock = new FakeClock();
    const denials = new Denials(nullAuditSink, clock);
    denials.note(denial());
    expect([clock.pendingTimers, denials.count]).toEqual([0, 1]);
  });
});
