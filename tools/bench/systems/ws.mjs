// Plain WebSocket: binary messages of id (4), kind (1) and payload. No encryption, no identity.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { echo, encodeBytes, encodeJson, PendingCalls } from '../pending-calls.mjs';

const OPTIONS = { perMessageDeflate: false, maxPayload: 16 << 20 };

/** Serves echo on an HTTP or HTTPS server. */
export async function serve(server, target) {
  const sockets = new WebSocketServer({ server, ...OPTIONS });
  sockets.on('connection', (socket) => {
    socket.on('message', (message) => socket.send(echo(message))).on('error', () => {});
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    target: { ...target, port: server.address().port },
    stop() {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
    },
  };
}

export async function open(url, options) {
  const socket = new WebSocket(url, { ...OPTIONS, ...options });
  await once(socket, 'open');
  const pending = new PendingCalls();
  socket.on('message', (message) => pending.settle(message));
  return {
    json: (value) => pending.call((id) => socket.send(encodeJson(id, value))),
    bytes: (value) => pending.call((id) => socket.send(encodeBytes(id, value))),
    close: () => socket.terminate(),
  };
}

export const startServer = () => serve(createServer(), {});
export const connect = ({ port }) => open(`ws://127.0.0.1:${port}`);
