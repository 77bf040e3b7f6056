import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from '../../src/session/session-limits.js';
import { Session } from '../../src/session/session.js';
import type { SessionDelegate, SessionEnd } from '../../src/session/session-delegate.js';
import { FakeConnection } from './fake-connection.js';
import { channelPair, type PlainChannel } from './plain-channels.js';
import { Reader, turns, type PlainMessage } from './wire.js';

/** A delegate that writes down what it is told. */
export class RecordingDelegate implements SessionDelegate {
  readonly messages: { kind: number; flags: number; id: number; payload: string }[] = [];
  readonly tooLarge: { kind: number; id: number; bytes: number }[] = [];
  readonly goAways: number[] = [];
  readonly ends: SessionEnd[] = [];
  ready = 0;
  verified = 0;
  written = 0;

  onMessage(kind: number, flags: number, id: number, buffer: Buffer, start: number, end: number): void {
    this.messages.push({ kind, flags, id, payload: buffer.toString('latin1', start, end) });
  }

  onTooLarge(kind: number, id: number, bytes: number): void {
    this.tooLarge.push({ kind, id, bytes });
  }

  onReady(): void {
    this.ready++;
  }

  onVerified(): void {
    this.verified++;
  }

  onRotated(): void {}

  onSpent(): void {}

  onWritten(): void {
    this.written++;
  }

  onGoAway(lastProcessedId: number): void {
    this.goAways.push(lastProcessedId);
  }

  onEnd(end: SessionEnd): void {
    this.ends.push(end);
  }
}

/** One end of a session under test, and the other end in the test's hand. */
export class SessionRig {
  readonly clock = new FakeClock();
  readonly connection = new FakeConnection();
  readonly session: Session;
  readonly near: PlainChannel;
  readonly far: PlainChannel;
  readonly #reader: Reader;

  constructor(role: 'initiator' | 'responder', delegate: SessionDelegate, limits: Partial<SessionLimits> = {}) {
    const pair = channelPair();
    this.near = pair[role];
    this.far = role === 'initiator' ? pair.responder : pair.initiator;
    this.#reader = new Reader(this.far);
    this.session = new Session(this.connection, this.near, this.clock, { ...DEFAULT_SESSION_LIMITS, ...limits }, delegate);
  }

  /** The far end writes one record. */
  feed(...messages: readonly Uint8Array[]): void {
    this.feedRecord(0, Buffer.concat(messages));
  }

  feedRecord(flags: number, plaintext: Uint8Array): void {
    this.connection.onMessage(this.far.seal(flags, [plaintext]));
  }

  /** What came out since the last time. */
  async read(): Promise<PlainMessage[]> {
    await turns();
    return this.#reader.read(this.connection.sent);
  }

  async readKinds(): Promise<number[]> {
    return (await this.read()).map(({ kind }) => kind);
  }
}
