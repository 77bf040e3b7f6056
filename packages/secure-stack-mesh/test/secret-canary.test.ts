import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConsoleAdapter } from '@lemur-bookstores/adapter-console';
import { FileAdapter } from '@lemur-bookstores/adapter-file';
import { MeshError, type Logger, type SecureChannel } from '@lemur-bookstores/mesh-interface';
import type { SecureMeshOptions } from '../src/options.js';
import { SecureMesh } from '../src/secure-mesh.js';
import { TestAuthority } from './support/authority.js';
import { CapturedProcessOutput, TextSink } from './support/output.js';
import { dialAsRogue, requestMessage } from './support/rogue.js';
import { Secrets, type Hit } from './support/secrets.js';
import { Stranger } from './support/stranger.js';
import { TestBed, type TestMesh } from './support/test-bed.js';

/*
 * Known secrets are driven through everything, and everything that is put out is searched for them: audit trails, consoles, files, the
 * operational log, errors' messages, stacks and JSON, statistics, metrics, health, whatever `util.inspect` shows of a mesh.
 *
 * Promised: keys; inputs, results and metadata of calls; what stands in `cause` of an error; values of options, identity files and
 * headers that are wrong; what a stranger sends.
 * Not promised, because it is what these texts are for: the text, reason and `details` of a MeshError that a handler throws reach its caller, and
 * text and reason both trails; the message of any other error that it throws stands in the operational log of its own service. Also not:
 * `cause` where somebody inspects an error in the process that it was thrown in (Node.js shows it), and what an application logs itself.
 */

const bed = new TestBed();
const secrets = new Secrets();
const shown = new Secrets();
const outputs = new Map<string, Uint8Array | string>();
const meshes: (TestMesh & { port: number })[] = [];

/** A secret of its own, which JSON has to escape, for one place. */
function canary(name: string, of: Secrets = secrets): string {
  const text = `canary"${randomBytes(12).toString('hex')}\\${name.replace(/\W/g, '-')}`;
  of.add(name, text);
  return text;
}

function put(name: string, output: unknown): void {
  outputs.set(`${outputs.size} ${name}`, output instanceof Uint8Array ? output : typeof output === 'string' ? output : (JSON.stringify(output) ?? 'undefined'));
}

/** What a caller sees of a failure: message, stack, JSON. */
function putError(name: string, error: unknown): void {
  const { message, stack } = error as Error;
  for (const [what, output] of Object.entries({ message, stack, json: error, text: String(error) })) put(`${name}: ${what}`, output);
}

async function failing(name: string, run: Promise<unknown>): Promise<void> {
  putError(
    name,
    await run.then(
      () => new Error(`${name} succeeded`),
      (error: unknown) => error,
    ),
  );
}

/** All files below a folder. */
function putFiles(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => statSync(join(folder, file)).isFile());
  for (const file of files) {
    const bytes = readFileSync(join(folder, file));
    put(`file ${file}`, file.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  }
  return files.length;
}

const log: string[] = [];
const add = (level: string) => (message: string, fields?: object) => void log.push(`${level} ${message} ${JSON.stringify(fields)} ${inspect(fields, { depth: Infinity })}`);
const logger: Logger = { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') };
const [pretty, json] = [new TextSink(), new TextSink()];
const trails = join(bed.folder, 'trails');
const logKeys = join(bed.folder, 'log-keys');

/** An adapter that holds a key, as one for a remote sink does. */
class RemoteAdapter {
  readonly name = 'remote';
  readonly options: { readonly apiKey: string };

  constructor(options: { readonly apiKey: string }) {
    this.options = options;
  }

  logEvent(): Promise<void> {
    return Promise.reject(new MeshError('adapter_failed', 'the sink answered 403', { retryable: false, cause: new Error(`for ${this.options.apiKey}`) }));
  }
}

async function running(options: Partial<SecureMeshOptions> & { serviceId: string }, setUp: (mesh: SecureMesh) => void = () => {}): Promise<TestMesh & { port: number }> {
  const adapters = [
    new ConsoleAdapter({ level: 'debug', stream: pretty }),
    new ConsoleAdapter({ level: 'debug', format: 'json', stream: json }),
    new FileAdapter(trails, { signWith: logKeys, rotation: { maxBytes: 4_096 } }),
    new RemoteAdapter({ apiKey: canary(`apiKey of an adapter of ${options.serviceId}`) }),
  ];
  // What is masked by name is a keyed hash then: of the application's own events here, for the mesh puts no secret into any of its own.
  const redact = { hmac: { salt: canary(`salt of ${options.serviceId}`) } };
  // Each of the failing handlers is to be reached: no breaker spares one.
  const resilience = { circuitBreaker: { failureThreshold: 1_000 } };
  const made = bed.mesh({ logger, monitoring: { adapters, redact }, resilience, ...options });
  setUp(made.mesh);
  await made.mesh.initialize();
  const mesh = { ...made, port: made.mesh.port as number };
  meshes.push(mesh);
  return mesh;
}

function handlers(mesh: SecureMesh): void {
  mesh.handle('login', () => ({ token: canary('a result'), nested: [{ password: canary('a result, deeper') }] }));
  mesh.handle('bytes', () => Buffer.from(canary('a result in bytes')));
  mesh.handle('mesh-error', () => {
    throw new MeshError('refused', canary('the text of a MeshError', shown), { cause: new Error(canary('cause of a MeshError')) });
  });
  mesh.handle('error', () => {
    throw new Error('the database is down', { cause: Object.assign(new Error(canary('cause of an Error')), { password: canary('a field of a cause') }) });
  });
  mesh.handle('message', () => {
    throw new Error(canary('the message of an Error', shown));
  });
  mesh.handle('fields', () => {
    throw Object.assign(new Error('with fields'), { connectionString: canary('a field of an Error'), config: { headers: { authorization: canary('headers in an Error') } } });
  });
  mesh.handle('thrown', () => {
    throw { password: canary('an object that was thrown') };
  });
  mesh.handle('denied', () => {
    throw new MeshError('permission_denied', 'not you', { cause: canary('cause of a denial') });
  });
  mesh.handle('circular', () => {
    const result: Record<string, unknown> = { secret: canary('a result that cannot be encoded'), count: 1n };
    return result;
  });
  mesh.handle('slow', (_input, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error(canary('an error that came too late'))))));
  mesh.use((call, next) => next({ ...call, metadata: { ...call.metadata, authorization: canary(`metadata of an interceptor of ${call.method}`) } }));
}

async function driveCalls({ mesh }: TestMesh): Promise<void> {
  const calls = mesh.connect('payments');
  const options = () => ({ metadata: { authorization: `Bearer ${canary('metadata: a token')}`, 'x-api-key': canary('metadata: a key'), note: canary('metadata under a harmless name') } });
  const input = () => ({ user: 'ada', password: canary('an input'), note: canary('an input under a harmless name'), list: [{ pin: canary('an input, deeper') }] });
  await calls.call('login', input(), options());
  await calls.call('bytes', Buffer.from(canary('an input in bytes')), options());
  for (const method of ['mesh-error', 'error', 'message', 'fields', 'thrown', 'denied', 'circular', 'no-such-method']) await failing(method, calls.call(method, input(), options()));
  await failing('a deadline', calls.call('slow', input(), { ...options(), timeoutMs: 50 }));
  const abort = new AbortController();
  const cancelled = failing('a cancellation', calls.call('slow', input(), { ...options(), signal: abort.signal }));
  abort.abort(new Error(canary('the reason of an abort')));
  await cancelled;
  await failing('metadata that is no text', calls.call('login', input(), { metadata: { token: { value: canary('metadata that is no text') } as unknown as string } }));
  await failing('metadata that is too large', calls.call('login', input(), { metadata: { token: canary('metadata that is too large').repeat(1_000) } }));
  await failing('an input that has no JSON', calls.call('login', { password: canary('an input that has no JSON'), count: 1n }));
  await failing('an input that is too large', calls.call('login', { password: canary('an input that is too large').repeat(200_000) }));
  await failing('an input that throws', calls.call('login', { toJSON: () => { throw new Error('cannot', { cause: canary('cause of an input that throws') }); } }));
  await failing('a trace that is none', calls.call('login', input(), { trace: { traceId: canary('a trace that is none'), spanId: 'x' } }));
}

/** Peers of ours that send what cannot be read, and strangers who send whatever they have. */
async function drivePeers(port: number, ours: TestAuthority): Promise<void> {
  const raw = (body: Buffer, flags: number): Buffer => {
    const message = requestMessage('login', 0);
    const whole = Buffer.concat([message.subarray(0, -1), body]);
    whole[1] = flags;
    whole.writeUInt32BE(whole.length - 10, 6);
    return whole;
  };
  const json = Buffer.from(`{"password": ${canary('a body that is not JSON')}`);
  const metadata = Buffer.from(`{"token": ${canary('metadata that is not JSON')}`);
  const { stranger, channel } = await dialAsRogue(port, ours.material('rogue'), 'spiffe://mesh.test/payments');
  stranger.send((channel as SecureChannel).seal(0, [raw(json, 0x01)]));
  stranger.send((channel as SecureChannel).seal(0, [raw(Buffer.concat([Buffer.of(metadata.length >> 8, metadata.length & 0xff), metadata]), 0x04)]));
  stranger.send((channel as SecureChannel).seal(0, [Buffer.from(canary('a record that is no message'))]));
  await stranger.ended;

  const foreign = new TestAuthority(bed.folder, 'evil.test');
  const refused = await dialAsRogue(port, { ...foreign.material('orders'), trustDomain: ours.trustDomain, trustBundle: [ours.certificate] }, 'spiffe://mesh.test/payments', { password: canary('a request of a peer that is refused') });
  await refused.stranger.ended;
  for (const text of [`GET /?token=${encodeURIComponent(canary('the path of a stranger'))} HTTP/1.1\r\nAuthorization: ${canary('a header of a stranger')}\r\n\r\n`, canary('what a stranger says')]) {
    const other = await Stranger.connect(port);
    other.socket.write(text);
    other.socket.end();
    await other.ended;
  }
  const upgraded = await Stranger.connect(port);
  await upgraded.upgrade();
  upgraded.send(Buffer.from(canary('a first message that is none')));
  await upgraded.ended;
  const hangsUp = await Stranger.connect(port);
  await hangsUp.upgrade();
  await hangsUp.close();
  await new Promise<void>((resolve, reject) => request({ port, host: '127.0.0.1', agent: false, method: 'POST', headers: { cookie: canary('a cookie') } }, (response) => response.resume().once('end', resolve)).once('error', reject).end(canary('a body of HTTP')));
}

/** Meshes that cannot start, and options that are wrong in the place where somebody pasted a secret. */
async function driveFailures(port: number, ours: TestAuthority): Promise<void> {
  const start = (name: string, options: Partial<SecureMeshOptions>): Promise<void> => failing(name, bed.mesh({ serviceId: 'fails', logger, ...options }).mesh.initialize());
  const [files, others] = [await ours.files('fails'), await ours.files('fails')];
  const file = (text: string): string => {
    const path = join(mkdtempSync(join(bed.folder, 'wrong-')), 'file.pem');
    writeFileSync(path, text);
    return path;
  };
  for (const identity of [files, others]) secrets.addKey(`identity key ${identity.keyFile}`, readFileSync(identity.keyFile, 'utf8'));
  await start('a port that is taken', { port, identity: files, host: '127.0.0.1' });
  await start('the key of another certificate', { identity: { ...files, keyFile: others.keyFile } });
  await start('a key where the certificate should be', { identity: { ...files, certFile: files.keyFile } });
  await start('a key where the CA should be', { identity: { ...files, caFile: files.keyFile } });
  await start('text where the key should be', { identity: { ...files, keyFile: file(`password=${canary('text in a key file')}`) } });
  await start('a damaged key', { identity: { ...files, keyFile: file(readFileSync(files.keyFile, 'utf8').replace(/.{8}\n-----END/, 'AAAAAAAA\n-----END')) } });
  const unsafe = mkdtempSync(join(bed.folder, 'unsafe-'));
  mkdirSync(join(unsafe, 'audit'));
  chmodSync(unsafe, 0o777);
  await start('a folder of keys that others can read', { paths: { ...bed.paths, keysDir: unsafe } });

  const wrong: readonly [string, object][] = [
    ['an unknown option', { password: canary('an unknown option') }],
    ['unknown options deeper', { security: { token: canary('an unknown option, deeper') }, monitoring: { apiKey: canary('an unknown option of monitoring') } }],
    ['a pin that is none', { discovery: { services: [{ id: 'payments', host: 'x', port: 1, publicKey: canary('a pin that is none') }] } }],
    ['an id that is none', { discovery: { services: [{ id: 'payments', host: 'x', port: 1, spiffeId: canary('an id that is none') }] } }],
    ['a number that is none', { port: canary('a number that is none'), resilience: { timeoutMs: canary('a time that is none') } }],
    ['a salt that is none', { monitoring: { redact: { hmac: { salt: [canary('a salt that is none')] } } } }],
    ['an adapter that is none', { monitoring: { adapters: [{ apiKey: canary('an adapter that is none') }] } }],
  ];
  for (const [name, options] of wrong) await failing(name, Promise.resolve().then(() => new SecureMesh({ serviceId: 'wrong', port: 0, logger, ...options } as SecureMeshOptions)));
}

/** Everything that can be asked of a mesh, and shown of it. */
async function look({ mesh }: TestMesh, when: string): Promise<void> {
  put(`${when}: getStats`, mesh.getStats());
  put(`${when}: metrics`, mesh.metrics());
  put(`${when}: healthCheck`, await mesh.healthCheck());
  const client = mesh.connect('payments');
  for (const [name, value] of Object.entries({ mesh, crypto: mesh.crypto, audit: mesh.audit, health: mesh.health, client, identity: when === 'running' ? mesh.crypto.identity : undefined })) {
    put(`${when}: inspect ${name}`, inspect(value, { depth: Infinity, showHidden: true, getters: true, maxStringLength: Infinity, maxArrayLength: Infinity }));
    put(`${when}: JSON of ${name}`, value);
    put(`${when}: text of ${name}`, String(value));
  }
}

beforeAll(async () => {
  const captured = new CapturedProcessOutput();
  try {
    const ours = new TestAuthority(bed.folder);
    const [server, client] = [await ours.files('payments'), await ours.files('orders')];
    secrets.addKey('CA key', ours.keyPem);
    for (const { keyFile } of [server, client]) secrets.addKey(`identity key ${keyFile}`, readFileSync(keyFile, 'utf8'));
    const payments = await running({ serviceId: 'payments', identity: server, host: '127.0.0.1' }, handlers);
    payments.mesh.health.registerCheck({ name: 'database', critical: false, check: () => Promise.reject(new Error('is down', { cause: canary('cause of a check') })) });
    const orders = await running({ serviceId: 'orders', identity: client, host: '127.0.0.1', discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: payments.port }] } });
    await driveCalls(orders);
    await drivePeers(payments.port, ours);
    await driveFailures(payments.port, ours);

    // The same of the local trust domain, whose CA and log keys are made on the way.
    const local = await running({ serviceId: 'local' });
    await local.mesh.connect('local').call('health', { password: canary('an input to oneself') }, { timeoutMs: 3_000 }).catch((error: unknown) => putError('a call to oneself', error));
    secrets.addKey('local CA key', readFileSync(join(bed.paths.keysDir, 'local-ca.pem'), 'utf8'));

    payments.mesh.audit.record({ eventType: 'system', details: { action: 'app.login', success: false, metadata: { user: 'ada', password: canary('metadata of an own event, by its name'), headers: [['Authorization', canary('metadata of an own event, in a list')]] } } });
    for (const one of meshes) await look(one, 'running');
    for (const { mesh } of meshes) await mesh.cleanup();
    for (const one of meshes) await look(one, 'closed');
    let logKeyFiles = 0;
    for (const file of readdirSync(logKeys, { recursive: true, encoding: 'utf8' })) {
      const text = statSync(join(logKeys, file)).isFile() ? readFileSync(join(logKeys, file), 'utf8') : '';
      if (text.includes('PRIVATE KEY')) secrets.addKey(`log key ${++logKeyFiles}`, text);
    }
    put('trails as adapters get them', meshes.map(({ audit }) => audit.events));
    put('console, pretty', pretty.bytes);
    put('console, JSON', json.bytes);
    put('operational log', log.join('\n'));
    expect(putFiles(trails)).toBeGreaterThan(3);
    expect(putFiles(bed.paths.runtimeDir)).toBeGreaterThanOrEqual(0);
  } finally {
    captured.restore();
    put('stdout', captured.stdout);
    put('stderr', captured.stderr);
  }
}, 60_000);
afterAll(() => bed.remove());

const texts = (hits: readonly Hit[]): string[] => [...new Set(hits.map(({ secret, form, output }) => `${secret}: ${form} in ${output}`))];

describe('the search itself', () => {
  test('finds a secret in every form in which it looks for one', () => {
    const control = new Secrets();
    const text = 'top"secret\\' + randomBytes(6).toString('hex');
    control.add('text', text);
    const forms = [text, JSON.stringify({ text }), JSON.stringify(JSON.stringify({ text })), Buffer.from(text).toString('hex'), Buffer.from(text).toString('hex').toUpperCase(), encodeURIComponent(text), JSON.stringify(Buffer.from(text)), Buffer.from(text, 'utf16le')];
    for (const before of ['', 'x', 'xy']) for (const encoding of ['base64', 'base64url'] as const) forms.push(Buffer.from(`${before}${text} and more`).toString(encoding));
    for (const form of forms) expect([String(form), control.find(new Map([['it', Buffer.concat([Buffer.from('{"a":'), Buffer.from(form as string)])]])).length > 0]).toEqual([String(form), true]);
    expect(control.find(new Map([['it', 'nothing here']]))).toEqual([]);
  });

  test('finds private keys where they are', () => {
    const files = new Map([['keysDir', readFileSync(join(bed.paths.keysDir, 'local-ca.pem'))]]);
    expect(new Set(secrets.find(files).map(({ secret }) => secret))).toEqual(new Set(['local CA key (PEM)', 'local CA key (private value)']));
  });

  test('has secrets of every kind, and looks at everything', () => {
    expect(secrets.names.length).toBeGreaterThan(80);
    expect(secrets.names.filter((name) => name.startsWith('log key')).length).toBeGreaterThan(0);
    expect(outputs.size).toBeGreaterThan(100);
    for (const [name, output] of outputs) if (/^\d+ (trails|console|operational)/.test(name)) expect([name, output.length > 1_000]).toEqual([name, true]);
    const actions = new Set(meshes.flatMap(({ audit }) => audit.events.map(({ details }) => details.action)));
    expect([...actions]).toEqual(expect.arrayContaining(['auth.succeeded', 'auth.failed', 'auth.denied', 'connection.refused', 'session.failed', 'message.sent', 'message.received', 'message.failed', 'system.stop']));
  });
});

test('no secret is in any output, in any form', () => {
  expect(texts(secrets.find(outputs))).toEqual([]);
});

test("what a handler says to its caller or to its own service's log is there, and nowhere else", () => {
  const hits = shown.find(outputs);
  const where = (name: string): Set<string> => new Set(hits.filter(({ secret }) => secret === name).map(({ output }) => output.replace(/^\d+ /, '').replace(/^file .*/, 'file')));
  expect([...where('the message of an Error')]).toEqual(['operational log']);
  expect([...where('the text of a MeshError')].sort()).toEqual(['console, JSON', 'console, pretty', 'file', 'mesh-error: json', 'mesh-error: message', 'mesh-error: stack', 'mesh-error: text', 'trails as adapters get them'].sort());
});
