import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { breakerOpened } from './support/events.js';
import { pagerDutyServer } from './support/pager-duty.js';
import { paged } from './support/paged.js';

const folder = mkdtempSync(join(tmpdir(), 'pagerduty-tls-'));
const file = (name: string): string => join(folder, name);
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=pager', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', file('key'), '-out', file('cert')], { stdio: 'ignore' });
const tls = { key: readFileSync(file('key'), 'utf8'), cert: readFileSync(file('cert'), 'utf8') };

afterAll(() => rmSync(folder, { recursive: true }));

test('a certificate that nobody vouches for gets no key: the delivery rejects retryably', async () => {
  const server = await pagerDutyServer({ tls });
  const { logInTime } = await paged({}, server);
  await expect(logInTime(breakerOpened())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true, message: expect.stringContaining('certificate') });
  expect(server.requests).toBe(0);
});

test('one of the CA that is given is trusted', async () => {
  const server = await pagerDutyServer({ tls });
  const { log } = await paged({ ca: tls.cert }, server);
  await log(breakerOpened());
  expect(server.events.open).toEqual(['mesh/production/orders/breakerOpen/payments']);
});
