import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConsoleAdapter } from '@lemur-bookstores/adapter-console';
import { FileAdapter } from '@lemur-bookstores/adapter-file';
import { MeshError, stderrLogger, type DiscoveryProvider, type MeshAuditEvent, type MeshErrorCode } from '@lemur-bookstores/mesh-interface';
import { HUGE_INJECTION, INJECTIONS, UNSAFE } from './support/injections.js';
import { OpensslAuthority } from './support/openssl.js';
import { CapturedProcessOutput, linesOf, TextSink } from './support/output.js';
import { dialAsRogue, RogueListener } from './support/rogue.js';
import { Stranger } from './support/stranger.js';
import { TestBed, type TestMesh } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();

/** A mesh whose trail goes to both forms of the console, to files and to memory, and whose operational log goes to stderr. */
interface Watched extends TestMesh {
  readonly name: string;
  readonly pretty: TextSink;
  readonly json: TextSink;
  readonly files: string;
}

const watched: Watched[] = [];
let stderr = '';

async function running(serviceId: string, options: Omit<Parameters<TestBed['mesh']>[0], 'serviceId'> = {}, setUp: (mesh: TestMesh['mesh']) => void = () => {}): Promise<Watched> {
  const [pretty, json, files] = [new TextSink(), new TextSink(), join(bed.folder, `log-${serviceId}`)];
  const adapters = [new ConsoleAdapter({ level: 'debug', stream: pretty }), new ConsoleAdapter({ level: 'debug', format: 'json', stream: json }), new FileAdapter(files)];
  const made = bed.mesh({ serviceId, logger: stderrLogger, monitoring: { adapters }, ...options });
  setUp(made.mesh);
  await made.mesh.initialize();
  const mesh = { ...made, name: serviceId, pretty, json, files };
  watched.push(mesh);
  return mesh;
}

const TEXTS = [...INJECTIONS.map(([, text]) => text), HUGE_INJECTION];

/** Calls in which everything that a caller or a handler can choose is hostile. */
async function hostileCalls(): Promise<void> {
  await running('payments', {}, (mesh) => {
    for (const [, text] of INJECTIONS) mesh.handle(`m ${text}`, (_input, { metadata }) => Object.keys(metadata).length);
    mesh.handle('throw', (index: number) => {
      throw new MeshError('refused', TEXTS[index] as string, { code: 'ABORTED', details: { text: TEXTS[index]?.slice(0, 1_000) } });
    });
    mesh.handle('reason', (index: number) => {
      throw new MeshError(TEXTS[index] as string, 'x', { code: 'PERMISSION_DENIED' });
    });
    // In plain JavaScript nothing keeps a handler from it.
    mesh.handle('code', (index: number) => {
      throw new MeshError('refused', 'x', { code: TEXTS[index] as MeshErrorCode });
    });
    mesh.handle('crash', (index: number) => {
      throw Object.assign(new Error(TEXTS[index]), { name: TEXTS[index] });
    });
    mesh.handle('result', (index: number) => ({ toJSON: () => { throw new TypeError(TEXTS[index]); } }));
  });
  const { mesh } = await running('orders');
  const calls = mesh.connect('payments');
  const ended = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);
  await calls.call('health', {});
  for (const [index, text] of TEXTS.entries()) {
    for (const method of ['throw', 'reason', 'code', 'crash', 'result']) await ended(calls.call(method, index));
    for (const method of [`m ${text}`, text]) await ended(calls.call(method, text));
    for (const metadata of [{ [text]: 'x' }, { x: text }, { x: 1 as unknown as string, [text]: text }]) await ended(calls.call('m real', text, { metadata }));
    await ended(calls.call('throw', index, { trace: { traceId: text, spanId: text } }));
    const abort = new AbortController();
    abort.abort(new Error(text));
    await ended(calls.call('throw', index, { signal: abort.signal }));
    expect(() => mesh.connect(text)).toThrow();
    // What an application says itself goes the same way.
    mesh.audit.record({ eventType: 'system', targetServiceId: text, details: { action: text, success: false, error: text, metadata: { [text]: text, list: [text, { [text]: text }] } } });
  }
}

/** Peers whose ids, messages and addresses are hostile. */
async function hostilePeers(): Promise<void> {
  const ours = new OpensslAuthority(bed.folder, 'mesh.test', 'ed25519');
  const identity = ours.issue({ serviceIds: ['victim'] }).files;
  const victim = await running('victim', { identity, host: '127.0.0.1' });
  const port = victim.mesh.port as number;
  // A certificate of our own CA: only its id is what no honest CA writes. An id that is not ASCII is refused before anybody reads it.
  for (const [index, id] of ['red\u001b[31mred', 'a\rb', 'a\u0007b', 'a\u007fb', 'a%0ab'].entries()) {
    const rogue = ours.issue({ serviceIds: [id] }).material;
    const { stranger } = await dialAsRogue(port, rogue, 'spiffe://mesh.test/victim');
    await stranger.ended;
    const listener = bed.closing(await RogueListener.start(rogue));
    places.set(`listener${index}`, { host: '127.0.0.1', port: listener.port });
  }
  for (const [index, [, text]] of INJECTIONS.entries()) {
    places.set(`nowhere${index}`, { host: `h${text}`, port: 9, path: `/${text}` });
    const stranger = await Stranger.connect(port);
    stranger.socket.write(`GET /${text} HTTP/1.1\r\nHost: ${text}\r\nAuthorization: ${text}\r\nSec-WebSocket-Protocol: ${text}\r\n\r\n`);
    await stranger.close();
  }
  const dialler = await running('dialler', { identity: ours.issue({ serviceIds: ['dialler'] }).files, host: '127.0.0.1', discovery: { provider: hostileDiscovery }, resilience: { backoff: { initialMs: 10_000, maxMs: 10_000 } } });
  for (const id of places.keys()) dialler.mesh.connect(id);
  const failed = (): Set<string | undefined> => new Set([...dialler.audit.having('connection.failed'), ...dialler.audit.having('auth.failed')].map(({ targetServiceId }) => targetServiceId));
  await until('every dial has failed', () => failed().size === places.size);
}

const places = new Map<string, { readonly host: string; readonly port: number; readonly path?: string }>();
const hostileDiscovery: DiscoveryProvider = {
  register: () => Promise.resolve(),
  discover: (id) => Promise.resolve(places.has(id) ? [{ id, ...(places.get(id) as { host: string; port: number }) }] : []),
  description: INJECTIONS.map(([, text]) => text).join(' '),
};

beforeAll(async () => {
  const captured = new CapturedProcessOutput();
  try {
    await hostileCalls();
    await hostilePeers();
      for (const { mesh } of watched) await mesh.cleanup();
  } finally {
    captured.restore();
    stderr = captured.stderr.toString('utf8');
  }
  expect(captured.stdout.toString()).toBe('');
}, 60_000);
afterAll(() => bed.remove());

const MESHES = ['payments', 'orders', 'victim', 'dialler'];
const of = (name: string): Watched => watched.find((mesh) => mesh.name === name) as Watched;
const fileLines = ({ files }: Watched): string[] => readdirSync(files, { recursive: true, encoding: 'utf8' }).filter((file) => /\.jsonl?$|\.log$/.test(file)).flatMap((file) => linesOf(readFileSync(join(files, file), 'utf8')));

describe.each(MESHES)('the trail of %s', (name) => {
  test('has what was aimed at it', () => {
    const { audit } = of(name);
    const seen = JSON.stringify(audit.events);
    const AIMED: Record<string, () => void> = {
      payments: () => {
        expect(audit.having('message.failed').length).toBeGreaterThan(5 * TEXTS.length);
        expect(audit.having('auth.denied').length).toBeGreaterThan(INJECTIONS.length);
        expect(seen).toContain('\\u001b[31m');
        expect(seen).toMatch(/…\[\+\d{7} chars\]/);
      },
      orders: () => {
        expect(audit.having('message.failed').length).toBeGreaterThan(5 * TEXTS.length);
        expect(audit.having('message.sent').length).toBeGreaterThan(INJECTIONS.length - 3);
        expect(seen).toContain('\\u001b[31m');
      },
      victim: () => expect(audit.having('auth.failed').reduce((sum, { details }) => sum + (details.messageCount ?? 0), 0)).toBe(5),
      dialler: () => {
        expect(audit.having('auth.failed')).toHaveLength(5);
        expect(audit.having('connection.failed')).toHaveLength(INJECTIONS.length);
        expect(seen).toContain('\\u001b[31m');
      },
    };
    AIMED[name]?.();
  });

  test('is on the console in one line per event, without any raw control or format character', () => {
    const { audit, pretty, json } = of(name);
    for (const lines of [pretty.lines, json.lines]) {
      expect(lines).toHaveLength(audit.events.length);
      expect(lines.filter((line) => UNSAFE.test(line))).toEqual([]);
    }
  });

  test('is one JSON object per event in the form json, with what was said in it', () => {
    const { audit, json } = of(name);
    const parsed = json.lines.map((line) => JSON.parse(line) as MeshAuditEvent);
    expect(parsed.map(({ id }) => id)).toEqual(audit.events.map(({ id }) => id));
    expect(parsed.filter((line) => 'forged' in line)).toEqual([]);
    const [said, shown] = [audit.events, parsed].map((events) => events.filter(({ details }) => (details.error?.length ?? 0) < 1_000).map(({ details }) => details.error));
    expect(shown).toEqual(said);
  });

  test('is one JSON object per event and line in the files, without any raw control or format character', () => {
    const mesh = of(name);
    const lines = fileLines(mesh);
    const parsed = lines.map((line) => JSON.parse(line) as Partial<MeshAuditEvent>);
    expect(lines.filter((line) => UNSAFE.test(line))).toEqual([]);
    // What the file adapter says itself, its checkpoints, goes to all others.
    const ids = mesh.audit.events.filter(({ details }) => details.action !== 'audit.checkpoint').map(({ id }) => id);
    expect(parsed.filter(({ id }) => id !== undefined).map(({ id }) => id)).toEqual(ids);
  });

  test('has no line longer than what an event is cut to', () => {
    const { pretty, json } = of(name);
    const longest = Math.max(...[...pretty.lines, ...json.lines, ...fileLines(of(name))].map((line) => line.length));
    expect(longest).toBeLessThan(1024 * 1024);
  });
});

test('the operational log on stderr is one JSON object a line, without any raw control or format character', () => {
  const lines = linesOf(stderr);
  expect(lines.filter((line) => UNSAFE.test(line))).toEqual([]);
  const parsed = lines.map((line) => JSON.parse(line) as { name: string; message: string });
  expect(parsed.every(({ name }) => name === 'secure-stack-mesh')).toBe(true);
  // A handler that crashed is told of there, and nowhere else.
  expect(parsed.filter(({ message }) => message.includes("'crash'")).length).toBe(TEXTS.length);
  expect(lines.join('')).toContain('\\u001b[31m');
});

test('call metadata is in no trail', () => {
  const { audit } = of('payments');
  expect(audit.events.filter(({ details }) => details.action === 'message.received').every(({ details }) => Object.keys(details.metadata ?? {}).sort().join() === 'direction,method')).toBe(true);
});
