import type { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, type ConnectionOptions, type TLSSocket } from 'node:tls';

type Callback = (error: Error | null, socket: Socket | null) => void;

/** How many certificates a server may show above its own. */
const MAX_CHAIN = 8;
const CONNECT_TIMEOUT_MS = 10_000;
/** `serverAuth` of the extended key usage. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/**
 * Connections to servers whose certificate was issued by the CA with this fingerprint, for whoever has no more of the CA than that. The client's own `caFingerprint` (with
 * `rejectUnauthorized: false`) looks for it in the chain that the server shows, and verifies no signature: anybody can show somebody else's CA beside a certificate of his own. Here each signature up to
 * the CA is verified, and the dates and the host's name.
 */
export function pinnedCaConnector(fingerprint: string, own: ConnectionOptions, now: () => number): (target: { hostname: string; port: string; servername?: string }, callback: Callback) => void {
  return ({ hostname, port, servername }, callback) => {
    const host = hostname.replace(/^\[|\]$/g, '');
    const name = servername ?? (isIP(host) === 0 ? host : undefined);
    const socket = connect({ ...own, host, port: Number(port === '' ? 443 : port), ...(name === undefined ? {} : { servername: name }), rejectUnauthorized: false, timeout: CONNECT_TIMEOUT_MS });
    const end = (error: Error | null): void => {
      socket.removeAllListeners('timeout').removeListener('error', end).setTimeout(0);
      if (error !== null) {
        // What it says from here on is of no interest, but must not end the process.
        socket.on('error', () => undefined).destroy();
      }
      callback(error, error === null ? socket : null);
    };
    socket.once('timeout', () => end(new Error(`no TLS connection within ${CONNECT_TIMEOUT_MS} ms`)));
    socket.once('error', end);
    socket.once('secureConnect', () => end(problemOf(socket, host, fingerprint, now())));
  };
}

/** Why this is not the server that it should be; `null` where it is. */
function problemOf(socket: TLSSocket, host: string, fingerprint: string, now: number): Error | null {
  const identity = checkServerIdentity(host, socket.getPeerCertificate(true));
  if (identity !== undefined) return identity;
  let certificate = socket.getPeerX509Certificate();
  // Node.js gives the extended usages under this name; there are none where any is allowed.
  const usages = certificate?.keyUsage as readonly string[] | undefined;
  if (usages !== undefined && usages.length > 0 && !usages.includes(SERVER_AUTH)) return new Error('the server\'s certificate is not for servers');
  for (let above = 0; certificate !== undefined && above <= MAX_CHAIN; above++) {
    if (Date.parse(certificate.validFrom) > now || Date.parse(certificate.validTo) < now) return new Error('a certificate of the server is not valid at this time');
    if (certificate.fingerprint256.replaceAll(':', '') === fingerprint && (above === 0 || certificate.ca)) return null;
    const issuer: X509Certificate | undefined = certificate.issuerCertificate;
    if (issuer === undefined || issuer.fingerprint256 === certificate.fingerprint256) break;
    if (!issuer.ca || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) return new Error('the certificates that the server shows do not vouch for one another');
    certificate = issuer;
  }
  return new Error('the server\'s certificate was not issued by the CA of tls.fingerprint');
}
