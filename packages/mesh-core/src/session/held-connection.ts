import { MeshError, type Connection, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import { MAX_RECORD_BYTES } from '../wire/message.js';

/** What a peer may send before its welcome: as much as one record, its header and tag (PROTOCOL 1.4). */
const MAX_EARLY_BYTES = MAX_RECORD_BYTES + 17;

/** A proven peer whose session may not begin yet. What it sends meanwhile is kept unopened, and handed on once the session has begun. */
export class HeldConnection {
  readonly #connection: Connection;
  readonly #channel: SecureChannel;
  readonly #early: Buffer[] = [];
  #bytes = 0;

  /** @param onOver it will never begin: the peer is gone, or sent more than may be kept */
  constructor(connection: Connection, channel: SecureChannel, onOver: (error: MeshError) => void) {
    this.#connection = connection;
    this.#channel = channel;
    connection.authenticated();
    connection.onEnd = ({ error }) => onOver(new MeshError('handshake_rejected', 'the peer hung up before its session began', error === undefined ? {} : { cause: error }));
    connection.onMessage = (record) => {
      this.#bytes += record.length;
      if (this.#bytes > MAX_EARLY_BYTES) onOver(new MeshError('protocol_violation', `more than ${MAX_EARLY_BYTES} bytes before the welcome`));
      // The transport's memory is its own again once this returns.
      else this.#early.push(Buffer.from(record));
    };
  }

  /** @param begin starts the session, which takes the connection over */
  release(begin: (connection: Connection, channel: SecureChannel) => void): void {
    begin(this.#connection, this.#channel);
    for (const record of this.#early.splice(0)) this.#connection.onMessage(record);
  }

  end(): void {
    this.#early.length = 0;
    this.#connection.onMessage = () => {};
    this.#connection.onEnd = () => {};
    this.#channel.destroy();
    this.#connection.terminate();
  }
}
