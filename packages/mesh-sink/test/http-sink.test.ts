import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from '@jest/globals';
import { FakeClock, systemClock } from '@lemur-bookstores/mesh-interface';
import { Credential } from '../src/credential.js';
import { HttpSink, type HttpSinkOptions, type SinkRequest } from '../src/http-sink.js';
import { ContractServerOf, type ContractAnswer, type ContractRequest, type ContractServer } from './support/contract-servers.js';

const SECRET = 'k3y-of-the-house';
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function serverWith(handle: (request: ContractRequest) => ContractAnswer, tls?: { key: string; cert: string }, maxBodyBytes?: number): Promise<ContractServer> {
  const server = await new ContractServerOf({ handle, refuse: (status, headers) => ({ status, headers, body: { status } }), ...(tls === undefined ? {} : { tls }), ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }) }).start();
  ends.push(() => server.stop());
  return server;
}

function sinkWith(options: Partial<HttpSinkOptions> = {}): HttpSink {
  const sink = new HttpSink({ noun: 'Sink', userAgent: 'mesh-test/1', clock: () => systemClock, ...options });
  ends.push(() => sink.close());
  return sink;
}

const requestTo = (server: { readonly url: string }, more: Partial<SinkRequest> = {}): SinkRequest => ({ url: new URL(`${server.url}/in`), headers: { 'content-type': 'text/plain', key: new Credential(SECRET) }, body: 'hello', ...more });

test('sends what it is given, with the credential, and gives what is answered', async () => {
  const server = await serverWith(({ method, path, headers, body }) => ({ status: 202, headers: { 'x-own': '1' }, body: [method, path, headers['user-agent'], headers['key'] === SECRET, headers['content-type'], headers['accept-encoding'], body.toString()] }));
  const answer = await sinkWith().send(requestTo(server));
  expect(answer).toMatchObject({ status: 202, truncated: false, headers: { 'x-own': '1' } });
  expect(JSON.parse(answer.text)).toEqual(['POST', '/in', 'mesh-test/1', true, 'text/plain', 'identity', 'hello']);
});

test('packs a body where asked', async () => {
  const server = await serverWith(({ headers, body, sentBytes }) => ({ status: 200, body: [headers['content-encoding'], body.length, sentBytes < 1_000] }));
  const { text } = await sinkWith().send(requestTo(server, { body: 'x'.repeat(100_000), gzip: true }));
  expect(JSON.parse(text)).toEqual(['gzip', 100_000, true]);
});

test('the contract server unpacks no more than it takes', async () => {
  const server = await serverWith(() => ({ status: 200 }), undefined, 1_000_000);
  expect((await sinkWith().send(requestTo(server, { body: Buffer.alloc(1_000_001), gzip: true }))).status).toBe(413);
  expect((await sinkWith().send(requestTo(server, { body: Buffer.alloc(1_000_000), gzip: true }))).status).toBe(200);
});

test('keeps the connection for the next request, and comes over one that was closed meanwhile', async () => {
  const server = await serverWith(() => ({ status: 200 }));
  const sink = sinkWith();
  const before = server.requests;
  for (let turn = 0; turn < 3; turn++) await sink.send(requestTo(server));
  expect(server.requests - before).toBe(3);
  // Cut right when it is used again: the next one goes through a connection of its own.
  server.faults.failNext('reset-before');
  expect((await sink.send(requestTo(server))).status).toBe(200);
  expect(server.requests - before).toBe(5);
});

test.each(['reset-before', 'reset-after', 'reset-in-answer'])('%s is retryable', async (fault) => {
  const server = await serverWith(() => ({ status: 200, body: { all: 'is well' } }));
  server.faults.failNext(fault, { count: 2 });
  await expect(sinkWith().send(requestTo(server))).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true });
});

test('nobody there, and a name that does not exist, are retryable and say where', async () => {
  const server = await serverWith(() => ({ status: 200 }));
  await server.stop();
  await expect(sinkWith().send(requestTo(server))).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true, text: expect.stringMatching(/^Sink at http:\/\/127.0.0.1:\d+ cannot be reached: .*ECONNREFUSED/) });
  await expect(sinkWith().send(requestTo({ url: 'http://no-such-host.invalid' }))).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true, text: expect.stringMatching(/no-such-host.invalid cannot be reached: .*(ENOTFOUND|EAI_AGAIN)/) });
});

test('no answer, or one that never ends, is a timeout on the clock', async () => {
  const server = await serverWith(() => ({ status: 200 }));
  server.faults.failNext('hang');
  const clock = new FakeClock();
  const sent = sinkWith({ clock: () => clock, timeoutMs: 5_000 }).send(requestTo(server));
  const rejected = expect(sent).rejects.toMatchObject({ reason: 'adapter_timeout', retryable: true, text: expect.stringContaining('within 5000 ms') });
  while (server.requests === 0) await new Promise((resolve) => void setImmediate(resolve));
  clock.advance(5_000);
  await rejected;
});

test('an abort ends the request with its reason', async () => {
  const server = await serverWith(() => ({ status: 200 }));
  server.faults.failNext('hang');
  const abort = new AbortController();
  const sent = sinkWith().send(requestTo(server, { signal: abort.signal }));
  const reason = new Error('enough');
  const rejected = expect(sent).rejects.toBe(reason);
  while (server.requests === 0) await new Promise((resolve) => void setImmediate(resolve));
  abort.abort(reason);
  await rejected;
  await expect(sinkWith().send(requestTo(server, { signal: abort.signal }))).rejects.toBe(reason);
});

test('reads no more of an answer than it may', async () => {
  const server = await serverWith(() => ({ status: 200, body: 'x'.repeat(5_000_000) }));
  const answer = await sinkWith({ maxAnswerBytes: 1_000 }).send(requestTo(server));
  expect(answer.truncated).toBe(true);
  expect(answer.text).toBe('x'.repeat(1_000 - SECRET.length));
});

test('takes credentials out of answers, those in headers and others', async () => {
  const inBody = new Credential('routing-key-of-ours');
  const server = await serverWith(() => ({ status: 403, body: `no: ${SECRET}, routing-key-of-ours` }));
  const { text } = await sinkWith({ secrets: [inBody] }).send(requestTo(server));
  expect(text).toBe('no: [redacted], [redacted]');
});

test('follows no redirect', async () => {
  const elsewhere = await serverWith(() => ({ status: 200 }));
  const server = await serverWith(() => ({ status: 307, headers: { location: elsewhere.url } }));
  expect((await sinkWith().send(requestTo(server))).status).toBe(307);
  expect(elsewhere.requests).toBe(0);
});

test('verifies certificates, whatever the environment says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-sink-'));
  ends.push(() => rmSync(folder, { recursive: true }));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=sink', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  const server = await serverWith(() => ({ status: 200 }), tls);
  await expect(sinkWith().send(requestTo(server))).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true, text: expect.stringMatching(/self-signed certificate/i) });
  // In a process of its own: Jest's environment is a copy that Node.js does not read.
  const program = `
    import { HttpSink } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
    const clock = { now: Date.now, monotonic: () => performance.now(), setTimeout: (callback, ms) => { const timer = setTimeout(callback, ms); return { cancel: () => clearTimeout(timer) }; } };
    const sink = new HttpSink({ noun: 'Sink', userAgent: 'mesh-test/1', clock: () => clock });
    await sink.send({ url: new URL('${server.url}'), headers: {}, body: '' }).then(() => console.log('sent'), (error) => console.log(error.text));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], { env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' }, timeout: 20_000 });
  expect(stdout).toMatch(/self-signed certificate/i);
  expect(server.requests).toBe(0);
  expect((await sinkWith({ ca: tls.cert }).send(requestTo(server))).status).toBe(200);
});
