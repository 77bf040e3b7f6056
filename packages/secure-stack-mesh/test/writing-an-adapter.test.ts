import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const LONG_MS = 120_000;
const WORKSPACE = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = readFileSync(join(WORKSPACE, 'docs/writing-an-adapter.md'), 'utf8');

/** Blocks of the page with a file's name above them. */
const FILES = [...PAGE.matchAll(/^`([\w./-]+)`\n(`{3,4})\w+\n(.*?)^\2$/gms)].map(([, name, , text]) => ({ name: name!, text: text! }));
/** What the page has one type, in order. */
const COMMANDS = [...PAGE.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, text]) => text!.trimEnd().split('\n'));

interface Run {
  readonly code: number;
  readonly output: string;
}

let parent: string;
let folder: string;
/** `npm test` builds: the other commands need it as well. */
let tested: Run;

/** Runs a command in the package's folder, without the network. */
function run(command: string, env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS$|NODE_TEST|FORCE_COLOR$)/i.test(name)));
  return new Promise((resolve) => {
    execFile('sh', ['-c', command], { cwd: folder, env: { ...clean, npm_config_offline: 'true', ...env }, timeout: LONG_MS }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, output: stdout + stderr }),
    );
  });
}

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'writing-an-adapter-'));
  folder = join(parent, 'mesh-adapter-ndjson');
  mkdirSync(folder);
  // In place of `npm install`: what it would install is here already.
  symlinkSync(join(WORKSPACE, 'node_modules'), join(folder, 'node_modules'));
  for (const { name, text } of FILES) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  tested = await run('npm test -- --test-reporter=tap');
}, LONG_MS);
afterAll(() => {
  rmSync(parent, { recursive: true, force: true });
});

describe('docs/writing-an-adapter.md', () => {
  test('names each of its files once, and nothing of it is left out', () => {
    const names = FILES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    // The one block that is neither a file nor a command quotes the interface.
    expect([...PAGE.matchAll(/^`{3,4}\w+$/gm)]).toHaveLength(names.length + [...PAGE.matchAll(/^```sh$/gm)].length + 1);
    expect(COMMANDS).toEqual(['mkdir mesh-adapter-ndjson', 'cd mesh-adapter-ndjson', 'npm install', 'npm test', 'npm publish --dry-run']);
  });

  test('what it quotes of the interface stands there', () => {
    const [, block] = /^```ts\n(interface MonitoringAdapter .*?)^```$/ms.exec(PAGE)!;
    const source = readFileSync(join(WORKSPACE, 'packages/mesh-interface/src/adapter.ts'), 'utf8').replace(/\/\*\*.*?\*\/\s*/gs, '');
    expect(source.replace(/\s+/g, ' ')).toContain(block!.trim().replace(/\s+/g, ' '));
  });

  test('`npm test`: it compiles, and both adapters pass', () => {
    const { code, output } = tested;
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toMatch(/^# Subtest: NdjsonAdapter$/m);
    expect(output).toMatch(/^# Subtest: LineFileAdapter$/m);
    expect(output).toMatch(/ok \d+ - batch-partly-refused/);
    expect(output).toMatch(/ok \d+ - aborted-while-hanging/);
    expect(output).toMatch(/^# fail 0$/m);
    expect(Number(/^# pass (\d+)$/m.exec(output)?.[1])).toBeGreaterThan(70);
  });

  test('`npm publish --dry-run`: what the package is made of', async () => {
    const { code, output } = await run('npm publish --dry-run --json --ignore-scripts');
    expect({ code, output }).toMatchObject({ code: 0 });
    const files = [...output.matchAll(/"path": "([^"]+)"/g)].map(([, path]) => path);
    expect(files.sort()).toEqual(
      ['README.md', 'package.json', ...['index', 'ndjson-adapter', 'refusal', 'secret'].flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.js`])].sort(),
    );
  }, LONG_MS);

  test('in a mesh it gets the events', async () => {
    const events: { readonly details: { readonly action: string } }[] = [];
    const keys = new Set<string | undefined>();
    const server: Server = createServer((request, response) => {
      let body = '';
      keys.add(request.headers.authorization);
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const lines = body.split('\n').slice(0, -1);
        events.push(...lines.map((line) => JSON.parse(line) as (typeof events)[number]));
        response.end(JSON.stringify({ accepted: lines.length }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const env = {
        AUDIT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`,
        AUDIT_KEY: 'key-of-the-example',
        MESH_KEYS_DIR: join(parent, 'keys'),
        MESH_RUNTIME_DIR: join(parent, 'run'),
      };
      expect(await run(`"${process.execPath}" example.js`, env)).toEqual({ code: 0, output: 'file { durable: true, missing: 0 }\nndjson { durable: false, missing: 0 }\n' });
      expect([...keys]).toEqual(['Bearer key-of-the-example']);
      const actions = events.map(({ details }) => details.action);
      expect(actions).toContain('example.greeting');
      expect(actions).toContain('system.start');
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }, LONG_MS);
});
