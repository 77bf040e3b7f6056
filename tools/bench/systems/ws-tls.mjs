// WebSocket over TLS 1.3 with certificates on both sides: what a service gets without this library.
import { createServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import { tlsOptions } from '../certificates.mjs';
import { open, serve } from './ws.mjs';

export const startServer = ({ certificates }) => serve(createServer(tlsOptions(certificates, 'server')), { certificates });

let context;

export function connect({ port, certificates }) {
  context ??= createSecureContext(tlsOptions(certificates, 'client'));
  return open(`wss://127.0.0.1:${port}`, { secureContext: context, servername: 'localhost' });
}
