import { MeshError, type AdmissionTicket, type ChannelFactory, type Clock, type Connection, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { Admission } from './admission.js';
import type { ConnectionJournal } from './connection-journal.js';
import { driveResponder } from './handshake-driver.js';
import { InboundSession, type RequestReceiver } from './inbound-session.js';
import type { SessionLimits } from './session-limits.js';
import { Session } from './session.js';

export interface InboundSessionsParts {
  readonly channels: ChannelFactory;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly journal: ConnectionJournal;
  readonly receiver: RequestReceiver;
  readonly pinsOf: ((spiffeId: string) => readonly string[] | undefined) | undefined;
}

/** All who dialled in: from the door to the last answer. */
export class InboundSessions {
  readonly admission: Admission;
  readonly #parts: InboundSessionsParts;
  readonly #sessions = new Set<InboundSession>();
  #closed = false;

  constructor(parts: InboundSessionsParts) {
    this.#parts = parts;
    this.admission = new Admission(parts.clock, parts.limits, (address, error) => parts.journal.refused(address, error));
  }

  sessions(): InboundSession[] {
    return [...this.#sessions];
  }

  accept(connection: Connection, ticket: AdmissionTicket): void {
    const { channels, clock, journal, pinsOf } = this.#parts;
    const startedAt = clock.monotonic();
    const sendAway = (): void => {
      ticket.release();
      connection.terminate();
    };
    if (this.#closed) return sendAway();
    try {
      driveResponder(
        connection,
        ticket,
        channels.accept(pinsOf),
        (channel) => this.#open(connection, channel, startedAt),
        (error) => journal.refused(connection.remoteAddress, error),
      );
    } catch (error) {
      // No handshake could be made: a trouble of our own, and no reason to end the process from a socket's event.
      sendAway();
      journal.refused(connection.remoteAddress, MeshError.from(error));
    }
  }

  /** Takes up no new request, and closes each session after its last answer, at the latest after `drainMs`. */
  async drain(drainMs: number): Promise<void> {
    this.#closed = true;
    await Promise.all(
      this.sessions().map(
        (inbound) =>
          new Promise<void>((resolve) => {
            const timer = this.#parts.clock.setTimeout(() => inbound.session.close(), drainMs);
            inbound.drain(() => {
              timer.cancel();
              resolve();
            });
          }),
      ),
    );
  }

  /** Ends what is left, strangers included. */
  close(): void {
    this.admission.close();
    for (const inbound of this.sessions()) inbound.session.close();
  }

  /** @throws MeshError `admission_limited`: the peer is refused as any other */
  #open(connection: Connection, channel: SecureChannel, startedAt: number): void {
    const { clock, limits, journal, receiver } = this.#parts;
    if (this.#sessions.size >= limits.maxSessions) {
      channel.destroy();
      throw new MeshError('admission_limited', `${limits.maxSessions} sessions are open already`);
    }
    const inbound = new InboundSession(receiver, limits.maxCalls, (ended, end) => {
      this.#sessions.delete(ended);
      journal.ended('inbound', ended.session, end);
    });
    const session = new Session(connection, channel, clock, limits, inbound);
    this.#sessions.add(inbound);
    inbound.attach(session);
    journal.opened('inbound', session, clock.monotonic() - startedAt);
    // Its handshake was under way when the drain began.
    if (this.#closed) inbound.drain(() => {});
  }
}
