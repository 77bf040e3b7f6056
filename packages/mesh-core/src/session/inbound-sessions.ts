import { MeshError, type AdmissionTicket, type ChannelFactory, type Clock, type Connection, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { Admission } from './admission.js';
import { beganTooLate, notInTime, type HeldEvents } from './audit-hold.js';
import type { ConnectionJournal } from './connection-journal.js';
import { driveResponder } from './handshake-driver.js';
import { HeldConnection } from './held-connection.js';
import { InboundSession, type RequestReceiver } from './inbound-session.js';
import type { SessionObserver } from './live-session.js';
import type { SessionLimits } from './session-limits.js';
import { Session } from './session.js';

export interface InboundSessionsParts {
  readonly channels: ChannelFactory;
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly journal: ConnectionJournal;
  readonly receiver: RequestReceiver;
  readonly pinsOf: ((spiffeId: string) => readonly string[] | undefined) | undefined;
  /** Default: none. */
  readonly observer?: SessionObserver;
}

/** All who dialled in: from the door to the last answer. */
export class InboundSessions {
  readonly admission: Admission;
  readonly #parts: InboundSessionsParts;
  readonly #sessions = new Set<InboundSession>();
  /** Ends the wait of each proven peer whose `fail-closed` events are not held yet. */
  readonly #held = new Set<(error: MeshError) => void>();
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
    if (this.#closed) return sendAway(connection, ticket);
    try {
      driveResponder(
        connection,
        ticket,
        channels.accept(pinsOf),
        (channel) => this.#onProven(connection, channel, clock.monotonic() - startedAt, ticket.remainingMs),
        (error) => journal.refused(connection.remoteAddress, error),
      );
    } catch (error) {
      // No handshake could be made: a trouble of our own, and no reason to end the process from a socket's event.
      sendAway(connection, ticket);
      journal.refused(connection.remoteAddress, MeshError.from(error));
    }
  }

  /** Takes up no new request, and closes each session after its last answer, at the latest after `drainMs`. */
  async drain(drainMs: number): Promise<void> {
    this.#closed = true;
    this.#endHeld();
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
    this.#endHeld();
    for (const inbound of this.sessions()) inbound.session.close();
  }

  /** @throws MeshError `admission_limited`: the peer is refused as any other */
  #onProven(connection: Connection, channel: SecureChannel, durationMs: number, leftMs: number): void {
    const { limits, journal } = this.#parts;
    if (this.#sessions.size + this.#held.size >= limits.maxSessions) {
      channel.destroy();
      throw new MeshError('admission_limited', `${limits.maxSessions} sessions are open already`);
    }
    const { remoteAddress } = connection;
    const held = journal.proven('inbound', { channel, remoteAddress }, durationMs);
    if (held === undefined) this.#open(connection, channel);
    else this.#openOnceHeld(connection, channel, held, leftMs);
  }

  /** The welcome goes out once a durable sink has it that this peer was let in, within the handshake's time; else it is refused. */
  #openOnceHeld(connection: Connection, channel: SecureChannel, held: HeldEvents, leftMs: number): void {
    const { clock, journal } = this.#parts;
    const end = (): boolean => {
      timer.cancel();
      return this.#held.delete(refuse);
    };
    const refuse = (error: MeshError): void => {
      if (!end()) return;
      waiting.end();
      journal.unopened(channel);
      journal.refused(connection.remoteAddress, error);
    };
    const waiting = new HeldConnection(connection, channel, refuse);
    const timer = clock.setTimeout(() => refuse(notInTime(held.actions, leftMs)), leftMs);
    this.#held.add(refuse);
    held.done.then(
      () => {
        if (channel.revoked === true) refuse(beganTooLate());
        else if (end()) waiting.release((...proven) => this.#open(...proven));
      },
      (error: unknown) => refuse(MeshError.from(error)),
    );
  }

  #endHeld(): void {
    for (const refuse of this.#held) refuse(new MeshError('session_closed', 'closed here before the session began'));
  }

  #open(connection: Connection, channel: SecureChannel): void {
    const { clock, limits, journal, receiver, observer } = this.#parts;
    const inbound = new InboundSession(receiver, limits.maxCalls, {
      onRotated: (rotated, rotation) => {
        journal.rotated(rotated.session, rotation);
        observer?.rotated(rotated);
      },
      onSpent: ({ session }, why, trigger) => journal.spent(session, why, trigger),
      onEnd: (ended, end) => {
        this.#sessions.delete(ended);
        journal.ended('inbound', ended.session, end);
        observer?.ended(ended);
      },
    });
    const session = new Session(connection, channel, clock, limits, inbound);
    this.#sessions.add(inbound);
    inbound.attach(session);
    journal.opened('inbound', session);
    observer?.opened(inbound);
    // Its handshake was under way when the drain began.
    if (this.#closed) inbound.drain(() => {});
  }
}

/** Lets nobody in. */
export function sendAway(connection: Connection, ticket: AdmissionTicket): void {
  ticket.release();
  connection.terminate();
}
