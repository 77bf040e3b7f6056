import { FakeClock, silentLogger, type AuditSink, type Clock, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { ConnectionJournal } from '../../src/session/connection-journal.js';
import { InboundSessions } from '../../src/session/inbound-sessions.js';
import type { SessionObserver } from '../../src/session/live-session.js';
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from '../../src/session/session-limits.js';
import { FakeConnection } from './fake-connection.js';
import { PlainChannels, type PlainHooks } from './plain-channels.js';
import { parseMessages, turns } from './wire.js';

/** Somebody who dials in, in the test's hand. */
export class Stranger {
  readonly connection = new FakeConnection('10.0.0.9:5000');
  readonly #handshake = new PlainChannels('client').dial({ serviceId: 'server' });
  channel: SecureChannel | undefined;
  #read = 1;

  speak(): void {
    this.connection.onMessage(Buffer.from(this.#handshake.start() as Uint8Array));
  }

  finish(): void {
    const { reply, channel } = this.#handshake.receive(this.connection.sent[0] as Buffer);
    this.channel = channel;
    this.connection.onMessage(Buffer.from(reply as Uint8Array));
  }

  /** Kinds and ids of what came since the last time. */
  async heard(): Promise<[number, number][]> {
    await turns();
    const records = this.connection.sent.slice(this.#read);
    this.#read = this.connection.sent.length;
    return records.flatMap((record) => parseMessages(this.channel?.open(record) as Buffer)).map(({ kind, id }) => [kind, id]);
  }
}

/** The acceptor's sessions, and strangers that come to its door. */
export interface InboundRig {
  readonly clock: FakeClock;
  readonly journal: ConnectionJournal;
  readonly sessions: InboundSessions;
  /** Ids of the requests that were taken up. */
  readonly requests: number[];
  come(): Stranger;
}

export function inboundRig(audit: AuditSink, { hooks = {}, limits = {}, observer }: { hooks?: PlainHooks; limits?: Partial<SessionLimits>; observer?: (clock: Clock) => SessionObserver } = {}): InboundRig {
  const clock = new FakeClock();
  const journal = new ConnectionJournal(audit, silentLogger, clock);
  const requests: number[] = [];
  const receiver = { onRequest: (_session: unknown, _flags: number, id: number) => void requests.push(id), onRefused: () => {} };
  const sessions = new InboundSessions({ channels: new PlainChannels('server', hooks), clock, limits: { ...DEFAULT_SESSION_LIMITS, ...limits }, journal, receiver, pinsOf: () => ['pin'], ...(observer === undefined ? {} : { observer: observer(clock) }) });
  const come = (): Stranger => {
    const stranger = new Stranger();
    const { connection } = stranger;
    const ticket = sessions.admission.admit(connection.remoteAddress, () => { connection.terminate(); connection.onEnd({}); });
    if (ticket !== undefined) sessions.accept(connection, ticket);
    return stranger;
  };
  return { clock, journal, sessions, requests, come };
}
