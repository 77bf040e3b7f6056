import type { ServiceNode } from './discovery.js';

/** Why a connection ended, as far as the transport knows. Never trusted: only an authenticated CLOSE says that nothing was cut off. */
export interface ConnectionEnd {
  readonly error?: Error;
}

/** A connection that carries whole binary messages, in order. */
export interface Connection {
  /** Address and port of the other end, for logs and admission; not an identity. */
  readonly remoteAddress: string;
  /** Bytes handed over and not yet taken by the operating system. */
  readonly bufferedBytes: number;
  /** Set by the owner before the first message can arrive (in the same turn it got the connection). The data is valid until the call returns unless copied. */
  onMessage: (message: Buffer) => void;
  onEnd: (end: ConnectionEnd) => void;
  /** Called when `bufferedBytes` fell to zero after it had been above it. */
  onDrain: () => void;
  /** @param onSent called once the message has left, or never will: its memory is the caller's again */
  send(message: Buffer, onSent?: () => void): void;
  /** The peer is proven: caps for strangers no longer apply. */
  authenticated(): void;
  /** Closes once what was sent has left; `terminate()` follows by itself after a few seconds. */
  close(): void;
  /** Ends it at once. */
  terminate(): void;
}

/** One who comes in, before the handshake: who may hold resources of ours, and for how long. */
export interface AdmissionTicket {
  /** Sent away by admission, which has said why: that the connection then ends is no news. */
  readonly refused: boolean;
  /** What is left of the handshake's time, in ms; also after {@link AdmissionTicket.release}. */
  readonly remainingMs: number;
  /** The first message of the handshake came. */
  firstMessage(): boolean;
  /** Proven or gone: no longer pending. */
  release(): void;
}

/** Decides about strangers before any work is done for them (PROTOCOL 5). */
export interface ConnectionAdmission {
  /** @returns undefined where the address has used up its share: close at once */
  admit(remoteAddress: string, evict: () => void): AdmissionTicket | undefined;
}

/** A listening end. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Takes no new connections; those that are there go on. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly host: string | undefined;
  readonly port: number;
  readonly admission: ConnectionAdmission;
  readonly onConnection: (connection: Connection, ticket: AdmissionTicket) => void;
}

/** Moves bytes. Knows nothing of identities, records or calls. */
export interface Transport {
  /** @throws MeshError `connect_failed` or `connect_timeout`; an aborted signal ends the attempt */
  dial(node: ServiceNode, signal: AbortSignal): Promise<Connection>;
  /** @throws MeshError `port_in_use` or `listen_failed` */
  listen(options: ListenOptions): Promise<Listener>;
}
