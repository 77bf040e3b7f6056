// A January of a payment service, made up and lived through in a second: the events are those that a mesh emits when its keys change, the audit logger, the ledger and the report are real,
// and the dates are those of a clock that is moved. Usage: node compliance-report.mjs [folder for the report]
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ComplianceAdapter, verifyReport } from '@lemur-bookstores/adapter-compliance';
import { systemClock } from '@lemur-bookstores/mesh-interface';
import { AuditLogger, FileAdapter } from '@lemur-bookstores/secure-stack-mesh';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const JANUARY = { from: new Date('2026-01-01'), to: new Date('2026-02-01') };
const PEERS = ['order-service', 'user-service'];

const home = await mkdtemp(join(tmpdir(), 'compliance-report-'));
let time = JANUARY.from.getTime();
const clock = { ...systemClock, now: () => time }; // dates are made up, timers are not
const logger = { debug() {}, info() {}, warn() {}, error: console.error }; // the logs would warn of a clock that jumps by days
const later = (ms) => void (time += ms);
const paths = { keysDir: join(home, 'keys'), logsDir: join(home, 'logs'), runtimeDir: join(home, 'run') };

/** The service between a start and a stop. */
async function run() {
  const ledger = new ComplianceAdapter({ standard: 'PCI-DSS', requirement: '3.6.4', heartbeatMs: DAY });
  const trail = new FileAdapter(join(paths.logsDir, 'audit'));
  const audit = new AuditLogger({ serviceId: 'payment-service', adapters: [trail, ledger], clock, logger });
  await audit.start({ paths, metrics: () => ({}) }); // a mesh does this itself
  return { ledger, audit };
}

// What a mesh knows of its keys: `rotation: { interval: 86_400_000 }`, and a certificate of 30 days that is renewed at 60 % of its life.
const POLICIES = {
  session: { intervalMs: DAY, rejectAfterMs: 2 * DAY, maxRecords: 1_048_576, maxBytes: 17_179_869_184, source: 'option' },
  static: { source: 'default' },
  certificate: { intervalMs: 18 * DAY, rejectAfterMs: 30 * DAY, source: 'certificate' },
};
const ALGORITHMS = { session: 'AES-256-GCM', static: 'X25519', certificate: 'Ed25519' };
const inUse = new Map();
let made = 0;

/** `name` is what the key is for: it gets a new one, a first one, or (`end`) none any more. `again`: the next process goes on with the same. */
async function change(audit, name, trigger, { end = false, again = false, ...more } = {}) {
  const keyType = PEERS.includes(name) ? 'session' : name;
  const before = again ? undefined : inUse.get(name);
  const keyId = again ? inUse.get(name).keyId : end ? before.keyId : createHash('sha256').update(`key ${++made}`).digest('hex').slice(0, 32);
  const ageMs = before && time - before.since;
  const records = keyType === 'session' && before ? Math.floor(ageMs / 120) : 0;
  const metadata = {
    keyType, algorithm: ALGORITHMS[keyType], keyId, trigger, policy: POLICIES[keyType],
    ...(before && !end && { previousKeyId: before.keyId }),
    ...(PEERS.includes(name) && { peerId: `spiffe://mesh.example/${name}` }),
    ...(before && { retired: { activatedAt: new Date(before.since).toISOString(), ageMs, records, bytes: records * 640, destroyed: true } }),
    ...more,
  };
  if (end) inUse.delete(name);
  else if (!again) inUse.set(name, { keyId, since: time });
  await audit.log({ eventType: 'key_rotation', details: { action: end ? 'key.retired' : before ? 'key.rotated' : 'key.activated', success: true, metadata } });
}

/** What went wrong with the key that `name` has. */
async function trouble(audit, name, action, error, more = {}) {
  const metadata = { keyType: 'session', algorithm: ALGORITHMS.session, keyId: inUse.get(name).keyId, trigger: 'interval', policy: POLICIES.session, peerId: `spiffe://mesh.example/${name}`, ...more };
  await audit.log({ eventType: 'key_rotation', details: { action, success: false, error, metadata } });
}

const start = (audit) => audit.log({ eventType: 'system', details: { action: 'system.start', success: true } });

let { ledger, audit } = await run();
await start(audit);
await change(audit, 'certificate', 'start', { createdAt: JANUARY.from.toISOString() });
await change(audit, 'static', 'start');
for (const peer of PEERS) await change(audit, peer, 'start');

for (let day = 2; day <= 31; day++) {
  later(DAY);
  // On the 8th the user service hangs: the keys of its session cannot be changed for six hours.
  if (day === 8) {
    await change(audit, 'order-service', 'interval');
    await trouble(audit, 'user-service', 'key.rotation_failed', 'keepalive_timeout: user-service gave no answer');
    later(6 * HOUR);
    await trouble(audit, 'user-service', 'key.overdue', 'the change is due since 6 h', { overdueMs: 6 * HOUR });
    await change(audit, 'user-service', 'interval');
    later(-6 * HOUR);
    continue;
  }
  for (const peer of PEERS) await change(audit, peer, day === 22 ? 'records' : 'interval');
  if (day === 19) await change(audit, 'certificate', 'certificate', { createdAt: new Date(time).toISOString() });
  // On the 15th a laptop is stolen: new static key, new keys for every session.
  if (day === 15) {
    await change(audit, 'static', 'compromise', { sessionsRekeyed: PEERS.length });
    for (const peer of PEERS) await change(audit, peer, 'compromise');
  }
  // On the 25th a new version is deployed: it takes four minutes.
  if (day === 25) {
    for (const name of [...PEERS, 'static']) await change(audit, name, 'start', { end: true });
    await audit.log({ eventType: 'system', details: { action: 'system.stop', success: true } });
    await audit.flush();
    await audit.close();
    later(240_000);
    ({ ledger, audit } = await run());
    await start(audit);
    await change(audit, 'certificate', 'start', { again: true });
    await change(audit, 'static', 'start');
    for (const peer of PEERS) await change(audit, peer, 'start');
    later(-240_000);
  }
  await audit.flush();
}
later(DAY);
// The first moment of February: no part of the report.
for (const peer of PEERS) await change(audit, peer, 'interval');
await audit.flush();
await audit.close();

// A report can be made while the service runs, and after it, from what is on disk.
const { json, csv, html, note, contentSha256 } = await ledger.writeReport({ ...JANUARY, directory: process.argv[2] ?? join(home, 'reports') });
const files = { json: await readFile(json), csv: await readFile(csv), html: await readFile(html), note: await readFile(note) };
const { status, report } = verifyReport(files, ledger.publicKey);
console.log(`${report.title}: ${report.services.join(', ')}, ${report.period.from.slice(0, 10)} until ${report.period.to.slice(0, 10)}`);
console.log(`${report.summary.keys} keys, ${report.summary.changes} changes, ${report.summary.findings} findings, ${report.summary.gaps} gap in coverage`);
for (const { kind, at, text } of report.findings) console.log(`  ${at.slice(0, 16)} ${kind}: ${text}`);
for (const { kind, from, to } of report.gaps) console.log(`  ${from.slice(0, 16)} to ${to.slice(11, 16)} ${kind}`);
console.log(`signed, and ${status} under ${ledger.publicKey.split('+')[0].replace(/[0-9a-f]{16}$/, '…')}; content hash ${contentSha256.slice(0, 16)}…`);
if (process.argv[2] !== undefined) {
  await writeFile(join(process.argv[2], 'public-key.txt'), `${ledger.publicKey}\n`);
  console.log(`report: ${html}`);
}
await rm(home, { recursive: true });
