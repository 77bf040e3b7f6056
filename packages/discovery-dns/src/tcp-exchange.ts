import { connect } from 'node:net';
import type { DnsResponse } from './dns-message.js';
import type { DnsServer } from './dns-server.js';
import { exchange, responseTo, type DnsQuery, type ExchangeParts } from './exchange.js';

/** Asks a server over TCP, for answers that do not fit into a packet: each message has its length in front, 65,535 at most (RFC 1035 4.2.2). */
export function overTcp(server: DnsServer, query: DnsQuery, parts: ExchangeParts): Promise<DnsResponse> {
  return exchange(parts, ({ answered, failed }) => {
    const socket = connect({ host: server.address, port: server.port });
    socket.unref();
    let chunks: Buffer[] = [];
    let received = 0;
    /** Known once both octets of the length are there. */
    let needed = 2;
    const onBytes = (bytes: Buffer): void => {
      chunks.push(bytes);
      received += bytes.length;
      if (received < needed) return;
      const all = Buffer.concat(chunks);
      chunks = [all];
      needed = 2 + all.readUInt16BE(0);
      if (received < needed) return;
      const response = responseTo(query, all.subarray(2, needed));
      if (response === undefined) throw new Error('answered another question');
      answered(response);
    };
    socket.on('data', (bytes) => {
      try {
        onBytes(bytes);
      } catch (error) {
        failed(error as Error);
      }
    });
    socket.on('error', (error) => failed(new Error(`is not reachable over TCP (${(error as NodeJS.ErrnoException).code ?? error.message})`, { cause: error })));
    socket.on('close', () => failed(new Error('closed the TCP connection without an answer')));
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.message.length);
    socket.write(Buffer.concat([length, query.message]));
    return () => socket.destroy();
  });
}
