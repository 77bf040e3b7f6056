// The reference of every ratio: TLS 1.3 with certificates on both sides, frames of length (4), id (4), kind (1), one write a frame.
import { once } from 'node:events';
import { connect as connectTls, createSecureContext, createServer } from 'node:tls';
import { tlsOptions } from '../certificates.mjs';
import { echo, encodeBytes, encodeJson, PendingCalls } from '../pending-calls.mjs';

const LENGTH_BYTES = 4;

function send(socket, frame) {
  frame.writeUInt32BE(frame.length - LENGTH_BYTES, 0);
  socket.write(frame);
}

/** Cuts a stream of chunks into frames. Chunks of a long frame are joined once, when it is complete. */
function readFrames(socket, onFrame) {
  let chunks = [];
  let have = 0;
  let need = LENGTH_BYTES;
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    have += chunk.length;
    if (have < need) return;
    const data = chunks.length === 1 ? chunk : Buffer.concat(chunks, have);
    let at = 0;
    for (;;) {
      if (data.length - at < LENGTH_BYTES) need = LENGTH_BYTES;
      else need = LENGTH_BYTES + data.readUInt32BE(at);
      if (data.length - at < need) break;
      onFrame(data.subarray(at + LENGTH_BYTES, at + need));
      at += need;
    }
    have = data.length - at;
    chunks = have > 0 ? [data.subarray(at)] : [];
  });
}

export async function startServer({ certificates }) {
  const sockets = new Set();
  const server = createServer({ ...tlsOptions(certificates, 'server'), noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    readFrames(socket, (frame) => send(socket, echo(frame, LENGTH_BYTES)));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    target: { port: server.address().port, certificates },
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

let context;

export async function connect({ port, certificates }) {
  // Keys and certificates are parsed once a process, as any client does; each connection is a full handshake.
  context ??= createSecureContext(tlsOptions(certificates, 'client'));
  const socket = connectTls({ host: '127.0.0.1', port, secureContext: context, noDelay: true });
  await once(socket, 'secureConnect');
  const pending = new PendingCalls();
  readFrames(socket, (frame) => pending.settle(frame));
  return {
    json: (value) => pending.call((id) => send(socket, encodeJson(id, value, LENGTH_BYTES))),
    bytes: (value) => pending.call((id) => send(socket, encodeBytes(id, value, LENGTH_BYTES))),
    close: () => socket.destroy(),
  };
}
