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

// What a mesh knows of its keys: `rotation: { interval: 86_400_000 }`, `security: { sessionTimeout: 2_592_000_000 }`, and a certificate of 30 days.
const POLICIES = {
  session: { intervalMs: DAY, rejectAfterMs: 2 * DAY, maxRecords: 1_048_576, maxBytes: 17_179_869_184, source: 'option' },
  static: { intervalMs: 30 * DAY, source: 'option' },
  certificate: { rejectAfterMs: 30 * DAY, source: 'certificate' },
};
const ALGORITHMS = { session: 'AES-256-GCM', static: 'X25519', certificate: 'Ed25519' };
const inUse = new Map();
let made = 0;

/** `name` is what the key is for: it gets a new one, a first one, or (`end`) none any more. `keyId`: one that there was before. */
async function change(audit, name, trigger, { end = false, keyId, ...more } = {}) {
  const keyType = PEERS.includes(name) ? 'session' : name;
  const before = inUse.get(name);
  const key = end ? before : { keyId: keyId ?? createHash('sha256').update(`key ${++made}`).digest('hex').slice(0, 32), since: time, trigger, ...more };
  const ageMs = before && time - before.since;
  const records = keyType === 'session' && before ? Math.floor(ageMs / 120) : 0;
  const metadata = {
    keyType, algorithm: ALGORITHMS[keyType], keyId: key.keyId, trigger, policy: POLICIES[keyType],
    ...(before && !end && { previousKeyId: before.keyId, sessionsRekeyed: keyType === 'session' ? 1 : 0 }),
    ...(PEERS.includes(name) && { peerId: `spiffe://mesh.example/${name}` }),
    // The key of a certificate is in its file, too.
    ...(before && { retired: { activatedAt: new Date(before.since).toISOString(), ageMs, records, bytes: records * 640, destroyed: keyType !== 'certificate' } }),
    ...(key.createdAt && { createdAt: key.createdAt }),
    ...more,
  };
  if (end) inUse.delete(name);
  else inUse.set(name, key);
  await audit.log({ eventType: 'key_rotation', details: { action: end ? 'key.retired' : before ? 'key.rotated' : 'key.activated', success: true, metadata } });
}

/** The session with a peer ends; its last key had come by this trigger. */
const endOf = (audit, peer) => change(audit, peer, inUse.get(peer).trigger, { end: true });

/** Another session takes the place of one. */
async function renew(audit, peer) {
  await endOf(audit, peer);
  await change(audit, peer, 'start');
}

/** The key of the session with a peer cannot be changed. */
async function fail(audit, peer, error) {
  const metadata = { keyType: 'session', algorithm: ALGORITHMS.session, keyId: inUse.get(peer).keyId, trigger: 'interval', policy: POLICIES.session, peerId: `spiffe://mesh.example/${peer}` };
  await audit.log({ eventType: 'key_rotation', details: { action: 'key.rotation_failed', success: false, error, metadata } });
}

const start = (audit) => audit.log({ eventType: 'system', details: { action: 'system.start', success: true } });

let { ledger, audit } = await run();
await start(audit);
await change(audit, 'static', 'start');
await change(audit, 'certificate', 'start', { createdAt: JANUARY.from.toISOString() });
for (const peer of PEERS) await change(audit, peer, 'start');

for (let day = 2; day <= 31; day++) {
  later(DAY);
  // On the 8th the user service hangs: it answers no rekey, and for six hours no new connection either.
  if (day === 8) {
    await change(audit, 'order-service', 'interval');
    await fail(audit, 'user-service', 'key_expired: the peer did not do its part of a rekey in time: the session is replaced, or ends at the limit of its keys');
    later(6 * HOUR);
    await renew(audit, 'user-service');
    later(-6 * HOUR);
    continue;
  }
  for (const peer of PEERS) await change(audit, peer, day === 22 ? 'records' : 'interval');
  if (day === 19) await change(audit, 'certificate', 'certificate', { createdAt: new Date(time).toISOString() });
  // On the 15th a laptop is stolen: new static key, another session with everybody.
  if (day === 15) {
    for (const peer of PEERS) await renew(audit, peer);
    await change(audit, 'static', 'compromise', { sessionsRekeyed: PEERS.length });
  }
  // On the 25th a new version is deployed: it takes four minutes.
  if (day === 25) {
    const certificate = inUse.get('certificate');
    for (const peer of PEERS) await endOf(audit, peer);
    for (const name of ['static', 'certificate']) await change(audit, name, 'start', { end: true });
    await audit.log({ eventType: 'system', details: { action: 'system.stop', success: true } });
    await audit.flush();
    await audit.close();
    later(240_000);
    ({ ledger, audit } = await run());
    await start(audit);
    await change(audit, 'static', 'start');
    await change(audit, 'certificate', 'start', { keyId: certificate.keyId, createdAt: certificate.createdAt });
    for (const peer of PEERS) await change(audit, peer, 'start');
    later(-240_000);
  }
  await audit.flush();
}
// What the audit log signed last in January comes to the ledger while that is flushed: it is written with this one.
await audit.flush();
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
