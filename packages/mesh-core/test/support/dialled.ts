import { FakeClock, silentLogger, type AuditSink, type Connection, type SecureChannel, type Transport } from '@lemur-bookstores/mesh-interface';
import { ConnectionJournal } from '../../src/session/connection-journal.js';
import { SessionDialer, type DialListener } from '../../src/session/session-dialer.js';
import { DEFAULT_SESSION_LIMITS } from '../../src/session/session-limits.js';
import type { OutboundSession } from '../../src/session/outbound-session.js';
import { FakeConnection } from './fake-connection.js';
import { RecordingAudit } from './nodes.js';
import { PlainChannels, type PlainHooks } from './plain-channels.js';
import { turns } from './wire.js';

/** A dial whose far end is in the test's hand. */
export interface DialRig<Audit extends AuditSink = RecordingAudit> {
  readonly clock: FakeClock;
  readonly audit: Audit;
  readonly journal: ConnectionJournal;
  readonly connection: FakeConnection;
  readonly events: string[];
  readonly abort: AbortController;
  /** Dials; rejections are seen by whoever awaits it. */
  dial(): Promise<OutboundSession>;
}

export function dialRig(hooks?: PlainHooks, dialTransport?: () => Promise<Connection>): DialRig {
  return dialRigWith(new RecordingAudit(), hooks, dialTransport);
}

/** The same, with a trail of the test's own. */
export function dialRigWith<Audit extends AuditSink>(audit: Audit, hooks: PlainHooks = {}, dialTransport?: () => Promise<Connection>): DialRig<Audit> {
  const clock = new FakeClock();
  const journal = new ConnectionJournal(audit, silentLogger, clock);
  const connection = new FakeConnection('10.0.0.2:7000');
  const transport: Transport = { dial: dialTransport ?? (() => Promise.resolve(connection)), listen: () => Promise.reject(new Error('not here')) };
  const dialer = new SessionDialer({ transport, channels: new PlainChannels('client', hooks), clock, limits: DEFAULT_SESSION_LIMITS, journal });
  const events: string[] = [];
  const listener: DialListener = { onVerified: () => void events.push('verified'), onDraining: () => void events.push('draining'), onRenew: (cause) => void events.push(`renew: ${cause}`), onEnd: ({ type }) => void events.push(type) };
  const abort = new AbortController();
  const dial = (): Promise<OutboundSession> => {
    const dialled = dialer.dial({ id: 'server', host: '10.0.0.2', port: 7000 }, ['pin'], listener, abort.signal);
    dialled.catch(() => {});
    return dialled;
  };
  return { clock, audit, journal, connection, events, abort, dial };
}

/** The acceptor's part up to its channel. */
export async function answerHandshake({ connection }: Pick<DialRig, 'connection'>, serviceId = 'server'): Promise<SecureChannel> {
  const handshake = new PlainChannels(serviceId).accept();
  await turns();
  const { reply } = handshake.receive(connection.sent[0] as Buffer);
  connection.onMessage(Buffer.from(reply as Uint8Array));
  await turns();
  return handshake.receive(connection.sent[1] as Buffer).channel as SecureChannel;
}

export function hangUp({ connection }: Pick<DialRig, 'connection'>): void {
  connection.terminate();
  connection.onEnd({});
}
