import { resolve } from 'node:path';
import { MeshError, systemClock } from '@lemur-bookstores/mesh-interface';
import { queryLog, type FileSystem } from '@lemur-bookstores/mesh-log';
import { findRequirement, type FoundRequirement } from '../standards/find-requirement.js';
import type { ComplianceReport, ReportedLedger, ReportPeriod } from './compliance-report.js';
import { RULES } from './key-rules.js';
import type { Window } from './key-rows.js';
import { LedgerReading, type Purpose } from './ledger-reading.js';
import { assertNoneIsGone, findLedgers, verifyLedger, type FoundLedger } from './ledgers.js';
import { checkReport, DEFAULT_MAX_ROWS, type ReportOptions } from './report-options.js';
import { ReportParts } from './report-parts.js';
import { SCOPE, titleOf } from './scope.js';

/**
 * Makes a report from the ledgers in a folder, or from one ledger: in bounded memory, also while they are written. Each is verified first.
 * @throws MeshError `invalid_option` that names every problem, also where there is no ledger; `log_tampered` where one does not verify: nothing is reported from it
 */
export async function reportFromLedger(directory: string, period: ReportPeriod, options: ReportOptions = {}): Promise<ComplianceReport> {
  checkReport(period, options);
  const { publicKey, checkpoint, maxRows = DEFAULT_MAX_ROWS, clock = systemClock, fileSystem, service } = options;
  const found = await findLedgers(resolve(directory), service, fileSystem);
  if (found.length === 0) throw invalid(`directory: there is no ledger${service === undefined ? '' : ` of '${service}'`} in '${directory}'`);
  const now = clock.now();
  const window: Window = { from: period.from.getTime(), to: period.to.getTime() };
  const parts = new ReportParts(window, now, maxRows);
  const trust = { ...(publicKey !== undefined && { publicKey }), ...(checkpoint !== undefined && { checkpoint }) };
  const ledgers: ReportedLedger[] = [];
  const covered = new Set<string>();
  let purpose: Purpose | undefined;
  for (const ledger of found) {
    const verified = await verifyLedger(ledger, trust, fileSystem);
    ledgers.push(verified);
    const reading = await read(ledger, verified.records, parts, now, fileSystem);
    if (reading.covers) covered.add(ledger.service);
    if (reading.purpose !== undefined && reading.purpose.since >= (purpose?.since ?? Number.NEGATIVE_INFINITY)) purpose = reading.purpose;
  }
  if (service === undefined) assertNoneIsGone(checkpoint, ledgers);
  const services = [...new Set(found.map((ledger) => ledger.service))].sort();
  for (const name of services) if (!covered.has(name)) parts.gap(name, '', { kind: 'no ledger', ...window, text: 'no ledger of this service has anything of the period' });
  if (now < window.to) for (const name of services) parts.gap(name, '', { kind: 'not over yet', from: Math.max(now, window.from), to: window.to, text: 'the period was not over when the report was made' });
  const requirement = findRequirement(options.standard ?? purpose?.standard, options.requirement ?? purpose?.requirement);
  // The options were looked at before: a later version kept the ledger, or nothing says what for.
  if (typeof requirement === 'string') throw invalid(requirement);
  return reportOf(requirement, window, now, services, parts, ledgers);
}

/** @param records as many as were verified: what is written meanwhile is not. */
async function read({ name, service, directory }: FoundLedger, records: number, parts: ReportParts, now: number, fileSystem: FileSystem | undefined): Promise<LedgerReading> {
  const reading = new LedgerReading(service, name, parts);
  for await (const { n, event } of queryLog(directory, fileSystem === undefined ? {} : { fileSystem })) {
    if (n >= records) break;
    reading.entry(event);
  }
  reading.finish(now);
  return reading;
}

function reportOf(
  { standard, requirement, label }: FoundRequirement,
  window: Window,
  now: number,
  services: readonly string[],
  { keys, findings, changes, gaps, trail, heads, headsNotListed }: ReportParts,
  ledgers: readonly ReportedLedger[],
): ComplianceReport {
  return {
    format: 1,
    title: titleOf(standard.name, label),
    requirement: {
      standard: standard.name,
      version: standard.version,
      requirement: label,
      title: requirement.title,
      evidence: requirement.evidence,
      outside: requirement.outside,
      notes: standard.notes,
    },
    period: { from: new Date(window.from).toISOString(), to: new Date(window.to).toISOString() },
    generatedAt: new Date(now).toISOString(),
    services,
    scope: SCOPE,
    rules: RULES,
    summary: { ...keys.totals, changes: changes.count, findings: findings.count, gaps: gaps.count },
    classes: keys.classes,
    findings: findings.sorted(({ at, service, ledger, keyId, kind }) => inOrder(at, service, ledger, keyId, kind)),
    gaps: gaps.sorted(({ service, ledger, from, kind }) => inOrder(from, service, ledger, kind)),
    keys: keys.rows.sorted(({ service, ledger, keyType, keyId, activatedAt }) => inOrder(service, keyType === 'session' ? '1' : '0', keyType, activatedAt, ledger, keyId)),
    changes: changes.sorted(({ at, service, ledger, keyId, action }) => inOrder(at, service, ledger, keyId, action)),
    trail: trail.sorted(({ at, service, ledger, action }) => inOrder(at, service, ledger, action)),
    auditLogHeads: heads,
    ledgers,
    notListed: {
      classes: keys.classesNotListed,
      findings: findings.notListed,
      gaps: gaps.notListed,
      keys: keys.rows.notListed,
      changes: changes.notListed,
      trail: trail.notListed,
      auditLogHeads: headsNotListed,
    },
  };
}

const invalid = (problem: string): MeshError => new MeshError('invalid_option', problem, { details: { problems: [problem] } });

/** By one after the other. */
const inOrder = (...texts: readonly string[]): string => texts.join('\u0000');
