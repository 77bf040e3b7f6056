import { MeshError, type AdmissionTicket, type ChannelHandshake, type Clock, type Connection, type SecureChannel } from '@lemur-bookstores/mesh-interface';

/** No message of a handshake is longer (PROTOCOL 5): before the peer is proven, nothing bigger is looked at. */
export const MAX_HANDSHAKE_MESSAGE_BYTES = 16 * 1024;

/**
 * Runs the initiator's side over a fresh connection.
 * @throws MeshError of the handshake, `handshake_timeout`, or `handshake_rejected` where the peer hung up
 */
export function driveInitiator(connection: Connection, handshake: ChannelHandshake, clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<SecureChannel> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => fail(new MeshError('handshake_timeout', `no handshake within ${timeoutMs} ms`, { mayHaveRun: false })), timeoutMs);
    const onAbort = (): void => fail(new MeshError('cancelled', 'the dial was cancelled', { mayHaveRun: false }));
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (error: MeshError): void => {
      finish();
      handshake.destroy();
      ignore(connection);
      connection.terminate();
      reject(error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    connection.onEnd = ({ error }) => fail(rejected(error));
    connection.onMessage = (message) => {
      try {
        const { reply, channel } = take(handshake, message);
        if (reply !== undefined) connection.send(asBuffer(reply));
        if (channel === undefined) return;
        finish();
        resolve(channel);
      } catch (error) {
        fail(MeshError.from(error, 'handshake_invalid'));
      }
    };
    const first = handshake.start();
    if (first !== undefined) connection.send(asBuffer(first));
  });
}

/**
 * Runs the responder's side. Nothing is opened and nothing sent before message 3 is accepted (PROTOCOL 1.4), and whatever is
 * wrong, the peer sees the same: the connection closes. The deadline is the admission ticket's.
 */
export function driveResponder(
  connection: Connection,
  ticket: AdmissionTicket,
  handshake: ChannelHandshake,
  done: (channel: SecureChannel) => void,
  failed: (error: MeshError) => void,
): void {
  let admitted = false;
  const fail = (error: MeshError): void => {
    ticket.release();
    handshake.destroy();
    ignore(connection);
    connection.terminate();
    failed(error);
  };
  /** Admission has said why. */
  const giveUp = (): void => {
    handshake.destroy();
    ignore(connection);
    connection.terminate();
  };
  connection.onEnd = ({ error }) => {
    if (ticket.refused) giveUp();
    else fail(new MeshError('handshake_rejected', 'the peer hung up during the handshake', error === undefined ? {} : { cause: error }));
  };
  connection.onMessage = (message) => {
    if (!admitted && !ticket.firstMessage()) return giveUp();
    admitted = true;
    try {
      const { reply, channel } = take(handshake, message);
      if (reply !== undefined) connection.send(asBuffer(reply));
      if (channel === undefined) return;
      ticket.release();
      done(channel);
    } catch (error) {
      fail(MeshError.from(error, 'handshake_invalid'));
    }
  };
}

function take(handshake: ChannelHandshake, message: Buffer): ReturnType<ChannelHandshake['receive']> {
  if (message.length > MAX_HANDSHAKE_MESSAGE_BYTES) throw new MeshError('handshake_invalid', `a handshake message of ${message.length} bytes`);
  return handshake.receive(message);
}

function rejected(cause: Error | undefined): MeshError {
  return new MeshError('handshake_rejected', 'the peer hung up during the handshake: it may not trust this service; its own log and audit say why', {
    mayHaveRun: false,
    ...(cause === undefined ? {} : { cause }),
  });
}

function ignore(connection: Connection): void {
  connection.onMessage = () => {};
  connection.onEnd = () => {};
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
