import { MeshError, type AdmissionTicket, type ChannelFactory, type Clock, type Connection } from '@lemur-bookstores/mesh-interface';
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
    if (this.#closed) return connection.terminate();
    const { channels, clock, limits, journal, receiver, pinsOf } = this.#parts;
    const startedAt = clock.monotonic();
    driveResponder(
      connection,
      ticket,
      channels.accept(pinsOf),
      (channel) => {
        if (this.#sessions.size >= limits.maxSessions) {
          channel.destroy();
          connection.terminate();
          return journal.refused(connection.remoteAddress, new MeshError('admission_limited', `${limits.maxSessions} sessions are open already`));
        }
        const inbound = new InboundSession(receiver, limits.maxCalls, (session, end) => {
          this.#sessions.delete(session);
          journal.ended('inbound', session.session, end);
        });
        const session = new Session(connection, channel, clock, limits, inbound);
        this.#sessions.add(inbound);
        inbound.attach(session);
        journal.opened('inbound', session, clock.monotonic() - startedAt);
      },
      (error) => journal.refused(connection.remoteAddress, error),
    );
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
}
