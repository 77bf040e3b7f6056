import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { verifyReport, type ComplianceReport } from '@lemur-bookstores/adapter-compliance';
import { EXAMPLES, ExampleProcess, runs } from './support/example-process.js';
import { until } from './support/until.js';

const LONG_MS = 60_000;
/** The demo from beginning to end, on a machine that has much else to do. */
const WHOLE_DEMO_MS = 120_000;
const running: ExampleProcess[] = [];

function start(file: string, ...args: string[]): ExampleProcess {
  const example = new ExampleProcess(file, args);
  running.push(example);
  return example;
}

/** What it printed says why it failed. */
async function succeeds(example: ExampleProcess): Promise<void> {
  const { code, signal } = await example.ended;
  if (code !== 0) throw new Error(`it ended with ${signal ?? `exit code ${code}`}:\n${example.output}`);
}

afterEach(() => {
  for (const example of running.splice(0)) example.clear();
});

describe('the first call', () => {
  const file = 'first-call/first-call.mjs';

  test('runs, shows the answer and ends by itself', async () => {
    const example = start(file);
    expect(await example.ended).toEqual({ code: 0, signal: null });
    expect(example.output).toMatch(/name: 'Ada',\s+askedBy: 'spiffe:\/\/local-[0-9a-f]{16}\/order-service'/);
    expect(example.output).toContain("[ 'user-service' ]");
    expect(example.output).toMatch(/order-service → user-service +auth\.succeeded/);
  }, LONG_MS);

  test('is the one in the README, and takes 20 lines', () => {
    const source = readFileSync(join(EXAMPLES, file), 'utf8');
    const readme = readFileSync(join(EXAMPLES, '../../README.md'), 'utf8');
    const [, block] = /<!-- example: first-call -->\n```js\n(.*?)```\n/s.exec(readme) ?? [];
    expect(block).toBe(source);
    expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(20);
  });
});

describe('a mesh composed from parts', () => {
  const file = 'compose-from-parts/compose-from-parts.mjs';

  test('makes its call and ends by itself', async () => {
    const example = start(file);
    expect(await example.ended).toEqual({ code: 0, signal: null });
    expect(example.output).toContain("stock answered: { book: 'Middlemarch', reserved: 2, for: 'shop' }");
    expect(example.output).toContain('stock is healthy');
    expect(example.leftovers).toEqual([]);
  }, LONG_MS);

  test('does without the package secure-stack-mesh', () => {
    const imports = [...readFileSync(join(EXAMPLES, file), 'utf8').matchAll(/from '([^']+)'/g)].map(([, name]) => name);
    expect(imports).toContain('@lemur-bookstores/mesh-core');
    expect(imports).not.toContain('@lemur-bookstores/secure-stack-mesh');
  });
});

describe('the compliance report', () => {
  const file = 'compliance-report/compliance-report.mjs';
  const name = 'compliance-report_payment-service_20260101T000000Z_20260201T000000Z';
  const shown = join(EXAMPLES, 'compliance-report/example');
  const formsIn = (folder: string) => Object.fromEntries(['json', 'csv', 'html', 'note'].map((form) => [form, readFileSync(join(folder, `${name}.${form}`), 'utf8')])) as Record<'json' | 'csv' | 'html' | 'note', string>;

  /** Without what chance and the size of the logs make. */
  const constant = (json: string): unknown => {
    const { report } = JSON.parse(json) as { report: ComplianceReport };
    return { ...report, auditLogHeads: report.auditLogHeads.map(({ service, at }) => ({ service, at })), ledgers: report.ledgers.map(({ service, status, notAuthenticated }) => ({ service, status, notAuthenticated })) };
  };

  test('is made, signed and verified, and is the one in the documentation', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'compliance-example-'));
    try {
      const example = start(file, folder);
      await succeeds(example);
      expect(example.output).toContain('72 keys, 80 changes, 2 findings, 1 gap in coverage');
      expect(example.output).toMatch(/signed, and authentic under /);
      expect(example.leftovers).toEqual([]);
      const made = formsIn(folder);
      expect(verifyReport(made, readFileSync(join(folder, 'public-key.txt'), 'utf8').trim())).toMatchObject({ status: 'authentic' });
      expect(constant(made.json)).toEqual(constant(formsIn(shown).json));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, LONG_MS);

  test('in the documentation is as it was signed', () => {
    expect(verifyReport(formsIn(shown), readFileSync(join(shown, 'public-key.txt'), 'utf8').trim())).toMatchObject({ status: 'authentic' });
  });
});

describe('the monitoring stack', () => {
  const file = 'monitoring-stack/monitoring-stack.mjs';

  test('delivers everything to everybody, and says so', async () => {
    const example = new ExampleProcess(file, ['1'], { ELASTICSEARCH_URL: '' });
    running.push(example);
    await succeeds(example);
    expect(example.output).not.toContain('✗');
    expect(example.output.match(/^✓/gm)?.length).toBe(13);
    expect(example.output).toMatch(/✓ logs in Datadog = documents in Elasticsearch, by their ids\n +([1-9]\d*) = \1\n/);
    expect(example.output).toMatch(/✓ the breaker that opened is one incident, .*\n +mesh\/production\/checkout\/breakerOpen\/payment: resolved, opened 1, told 1\n/);
    expect(example.output).toMatch(/✓ so is the peer .*\n +mesh\/production\/checkout\/rateLimited\/payment: resolved, opened 1, told 1\n/);
    expect(example.leftovers).toEqual([]);
  }, LONG_MS);

  test('claims nothing that it has no evidence for', async () => {
    const { judge } = (await import(pathToFileURL(join(EXAMPLES, 'monitoring-stack/verdict.mjs')).href)) as { judge(evidence: object): { readonly text: string; readonly holds: boolean }[] };
    const delivered = { lanes: [], file: new Map(), elasticsearch: new Map(), datadog: { logs: 0, ids: new Map(), losses: {}, series: new Set(), points: [] }, pagerDuty: { alerts: [], changes: [], counts: {} } };
    const claims = judge({ done: {}, seen: {}, delivered });
    expect(claims.length).toBe(13);
    expect(claims.filter(({ holds }) => holds)).toEqual([]);
  });

  test('where Elasticsearch is not there it counts that, and has left nothing', async () => {
    const example = new ExampleProcess(file, ['1'], { ELASTICSEARCH_URL: 'http://127.0.0.1:1/' });
    running.push(example);
    expect(await example.ended).toEqual({ code: 1, signal: null });
    expect(example.output).toMatch(/✗ documents in Elasticsearch = lines of the file and its checkpoints\n +0 = [1-9]/);
    expect(example.output).toContain('✓ the breaker that opened is one incident');
    expect(example.leftovers).toEqual([]);
  }, LONG_MS);

  test('broken off it leaves nothing', async () => {
    const example = start(file, '60');
    await example.says(/everything is well/);
    expect(example.leftovers).not.toEqual([]);
    example.kill('SIGINT');
    expect(await example.ended).toEqual({ code: 130, signal: null });
    expect(example.leftovers).toEqual([]);
  }, LONG_MS);

  test('says what is wrong with its argument', async () => {
    const example = start(file, 'soon');
    expect(await example.ended).toEqual({ code: 2, signal: null });
    expect(example.output).toContain('soon is no number of seconds');
  }, LONG_MS);
});

describe('the demo', () => {
  const file = 'demo/demo.mjs';
  /** Where it leaves the report: the one thing that it leaves. */
  let kept: string;

  beforeEach(() => void (kept = mkdtempSync(join(tmpdir(), 'demo-report-'))));
  afterEach(() => rmSync(kept, { recursive: true, force: true }));

  test('shows what it claims, and leaves nothing behind', async () => {
    const demo = start(file, '--seconds', '6', '--out', kept);
    await succeeds(demo);
    const { output } = demo;
    expect(output).toMatch(/✓ replaced at both ends: gateway ─▸ order [2-9]\d* times, order ─▸ payment [2-9]\d* times\n.* 0 failed/);
    expect(output).toMatch(/Look at gateway: http:\/\/127\.0\.0\.1:\d+\/health\/ready, \/metrics, \/stats\n +\$ node \S*main\.js status --url http:\/\/127\.0\.0\.1:\d+\n/);
    expect(output).toMatch(/✓ gateway's admin endpoint, asked meanwhile: 200 pass\n +\/metrics: [1-9][\d,]* calls ended/);
    expect(output).toMatch(/✓ another static key, 2 sessions replaced, in [\d.]+ m?s\n +0 calls failed/);
    expect(output).toMatch(/✓ order \(pid \d+ as before\) found pid \d+: calls go to both/);
    expect(output).toMatch(/✓ it is gone \(exit 0\): it answered [1-9][\d,]* calls, none failed for it/);
    expect(output).toMatch(/! order's breaker is open: 5 calls in a row had failed\n +audited: breaker\.opened, 127\.0\.0\.1:\d+, for 300 ms/);
    expect(output).toMatch(/✓ half-open, and closed: .*\n.*\n +[1-9][\d,]* calls failed at once with circuit_open/);
    expect(output).toMatch(/! [1-9]\d* of its [\d,]+ calls were refused: RESOURCE_EXHAUSTED, rate_limited\n.*; 3 of 3 times/);
    expect(output).toMatch(/✗ order \(pid \d+\) is killed: SIGKILL/);
    expect(output).toMatch(/✓ callers found it: served again [\d.]+ m?s after the kill/);
    expect(output.match(/audited: auth\.failed, peer_untrusted, trust domain local-/g)).toHaveLength(3);
    const summary = output.slice(output.indexOf('What happened'));
    expect(summary).not.toContain('✗');
    expect(summary.match(/^ {2}✓/gm)?.length).toBe(36);
    expect(output.match(/✓ caught: in a copy/g)).toHaveLength(3);
    expect(output).toMatch(/✓ [\d,]+ records, authentic/);
    const [, answered, made] = /Calls +([\d,]+) of ([\d,]+) answered/.exec(summary) ?? [];
    expect(Number(answered?.replace(',', ''))).toBeGreaterThan(500);
    expect(Number(made?.replace(',', ''))).toBeGreaterThanOrEqual(Number(answered?.replace(',', '')));
    expect(summary).toMatch(/it had no connection, no call in, no call out +0 connections, 0 in, 0 of [1-9]\d* out/);
    // What each side counted is the same, whatever it is.
    expect(summary).toMatch(/made (\d+) = \1, failed (\d+) = \2/);
    expect(summary).toMatch(/[1-9][\d,]* charged, [\d,]+ without a receipt, 0 wrong/);
    expect(summary).toMatch(/getStats\(\) of order said the same +closed, open, half-open, .*closed/);
    expect(summary).toMatch(/payment answered ([\d,]+) with database_down, callers got \1/);
    const [, report] = /The report about the keys is kept: (.*\.html)/.exec(output) ?? [];
    expect(readdirSync(kept).sort()).toEqual(['csv', 'html', 'json', 'note'].map((form) => `${basename(report ?? '', '.html')}.${form}`));
    expect(demo.pids).toHaveLength(7);
    expect(demo.pids.filter(runs)).toEqual([]);
    expect(demo.leftovers).toEqual([]);
  }, WHOLE_DEMO_MS);

  test('--keep goes on until Ctrl-C, and judges then', async () => {
    const demo = start(file, '--seconds', '3', '--keep', '--out', kept);
    const [, url, order] = await demo.says(/everything keeps running[^]*Look at gateway: (http:\S+?)\/health\/ready[^]*Look at order: (http:\S+?)\/health\/ready/);
    expect(demo.pids.filter(runs).length).toBeGreaterThanOrEqual(3);
    expect(await (await fetch(`${url}/stats`)).json()).toMatchObject({ service: 'gateway', ready: true, stats: { connectedServices: ['order'] } });
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^mesh_calls_ended_total\{service="gateway",direction="outbound",peer="order",rpc_method="placeOrder",rpc_status_code="OK"\} [1-9]/m);
    expect(await (await fetch(`${order}/metrics`)).text()).toMatch(/^rpc_server_call_duration_seconds_count\{.*rpc_method="placeOrder".*\} [1-9]/m);
    demo.kill('SIGINT');
    await succeeds(demo);
    expect(demo.output).toContain('What happened');
    expect(demo.pids.filter(runs)).toEqual([]);
    expect(demo.leftovers).toEqual([]);
  }, WHOLE_DEMO_MS);

  test('Ctrl-C in the middle closes every process, claims nothing and exits with 130', async () => {
    const demo = start(file);
    await demo.says(/callers place/);
    demo.kill('SIGINT');
    expect(await demo.ended).toEqual({ code: 130, signal: null });
    expect(demo.output).not.toContain('What happened');
    expect(demo.pids).toHaveLength(3);
    expect(demo.pids.filter(runs)).toEqual([]);
    expect(demo.leftovers).toEqual([]);
  }, LONG_MS);

  test('a service that dies unasked is a failure', async () => {
    const demo = start(file);
    await demo.says(/callers place/);
    const [, payment] = /payment +pid (\d+)/.exec(demo.output) ?? [];
    process.kill(Number(payment), 'SIGKILL');
    expect(await demo.ended).toEqual({ code: 1, signal: null });
    expect(demo.output).toMatch(/payment \(pid \d+\) ended unexpectedly: SIGKILL/);
    expect(demo.pids.filter(runs)).toEqual([]);
    expect(demo.leftovers).toEqual([]);
  }, LONG_MS);

  test('services end when the demo itself is killed', async () => {
    const demo = start(file);
    await demo.says(/callers place/);
    expect(demo.pids.filter(runs)).toHaveLength(3);
    demo.kill('SIGKILL');
    await demo.ended;
    await until('no service runs', () => demo.pids.filter(runs).length === 0);
  }, LONG_MS);

  test('says what is wrong with an option', async () => {
    const demo = start(file, '--seconds', 'soon');
    expect(await demo.ended).toEqual({ code: 2, signal: null });
    expect(demo.output).toContain('--seconds: soon is no number');
  }, LONG_MS);
});
