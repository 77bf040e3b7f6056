import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryDirectory } from './support/logs.js';
import { run } from './support/run.js';

const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8' });

test.each(['ed25519', 'p256'])('openssl takes the chain and the key (%s)', async (algorithm) => {
  const root = temporaryDirectory();
  const [ca, target] = [join(root, 'ca'), join(root, 'order-service')];
  await run(['ca', 'init', '--trust-domain', 'prod.example.org', '--dir', ca, '--algorithm', algorithm]);
  await run(['ca', 'issue', 'order-service', '--ca', ca, '--dir', target]);
  const at = String(Date.UTC(2026, 5, 1, 12) / 1000);
  expect(openssl('verify', '-x509_strict', '-attime', at, '-CAfile', join(target, 'ca.pem'), join(target, 'cert.pem'))).toContain(': OK');
  expect(openssl('x509', '-in', join(target, 'cert.pem'), '-noout', '-ext', 'subjectAltName')).toContain('URI:spiffe://prod.example.org/order-service');
  expect(openssl('pkey', '-in', join(target, 'key.pem'), '-pubout')).toBe(openssl('x509', '-in', join(target, 'cert.pem'), '-noout', '-pubkey'));
});
