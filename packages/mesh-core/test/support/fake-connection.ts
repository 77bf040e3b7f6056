import type { Connection, ConnectionEnd } from '@lemur-bookstores/mesh-interface';

/** A connection in a test's hand: keeps what is sent, and is as slow a reader as the test says. */
export class FakeConnection implements Connection {
  readonly remoteAddress: string;
  readonly sent: Buffer[] = [];
  bufferedBytes = 0;
  /** While true, nothing that is sent leaves. */
  stalled = false;
  isAuthenticated = false;
  closed: 'open' | 'closed' | 'terminated' = 'open';
  onMessage: (message: Buffer) => void = () => {};
  onEnd: (end: ConnectionEnd) => void = () => {};
  onDrain: () => void = () => {};

  constructor(remoteAddress = '10.0.0.1:1234') {
    this.remoteAddress = remoteAddress;
  }

  send(message: Buffer): void {
    this.sent.push(Buffer.from(message));
    if (this.stalled) this.bufferedBytes += message.length;
  }

  /** The operating system takes everything. */
  drain(): void {
    this.bufferedBytes = 0;
    this.onDrain();
  }

  authenticated(): void {
    this.isAuthenticated = true;
  }

  close(): void {
    if (this.closed === 'open') this.closed = 'closed';
  }

  terminate(): void {
    this.closed = 'terminated';
  }
}
