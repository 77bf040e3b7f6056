// Certificates for the systems that speak TLS: one CA, one certificate for each end, made by the openssl program for this run.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

function openssl(folder, ...args) {
  execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
}

function issue(folder, name) {
  writeFileSync(join(folder, `${name}.ext`), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\nkeyUsage=critical,digitalSignature\n');
  openssl(folder, 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  openssl(folder, 'x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.pem`);
}

/** P-256 throughout: what OpenSSL signs and verifies fastest, so the comparison is not made easy for us. */
export function makeCertificates(folder) {
  openssl(folder, 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=bench CA');
  issue(folder, 'server');
  issue(folder, 'client');
}

/** What `tls.connect` and `tls.createServer` take: TLS 1.3 alone, certificates on both sides. */
export function tlsOptions(folder, end) {
  const read = (file) => readFileSync(join(folder, file));
  return { ca: read('ca.pem'), key: read(`${end}.key`), cert: read(`${end}.pem`), minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: true };
}
