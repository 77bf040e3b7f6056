import type { KeyPolicy } from '@lemur-bookstores/mesh-interface';

/** From `from` on, before `to`. */
export interface ReportPeriod {
  readonly from: Date;
  readonly to: Date;
}

/** What the report is made for. */
export interface ReportedRequirement {
  readonly standard: string;
  readonly version: string;
  /** With its numbers in other versions: `3.7.4 (v3.2.1: 3.6.4)`. */
  readonly requirement: string;
  readonly title: string;
  readonly evidence: readonly string[];
  readonly outside: readonly string[];
  readonly notes: readonly string[];
}

/** `end not seen`: its process ended, or the ledger was stopped, before its end was recorded; the process's memory is gone, and the key with it. */
export type KeyState = 'in use' | 'retired' | 'end not seen';

/** One key that was in use in the period, as things stood at its end. Times are ISO 8601. */
export interface KeyRow {
  readonly service: string;
  readonly ledger: string;
  readonly keyType: string;
  readonly keyId: string;
  readonly algorithm: string;
  readonly peerId?: string;
  readonly previousKeyId?: string;
  readonly policy: Readonly<Omit<KeyPolicy, 'source'>> & { readonly source: string };
  readonly createdAt: string;
  readonly activatedAt: string;
  /** What brought it into use; absent where that was before the ledger began. */
  readonly activatedBy?: string;
  readonly state: KeyState;
  readonly retiredAt?: string;
  /** What ended it: the change that replaced it, or `session end`. */
  readonly retiredBy?: string;
  /** At its end, at the last that was seen of it, or at the period's end. */
  readonly ageMs: number;
  /** Known from its end on. */
  readonly records?: number;
  readonly bytes?: number;
  readonly destroyed?: boolean;
  /** Sessions that got new keys with this one. */
  readonly sessionsRekeyed?: number;
  /** How long its change was late, where it was. */
  readonly overdueMs?: number;
  /** Attempts to change it that failed. */
  readonly failedChanges: number;
}

/** Keys of one service that have type, algorithm and cryptoperiod in common: all of them, listed or not. */
export interface KeyClass extends Pick<KeyRow, 'service' | 'keyType' | 'algorithm' | 'policy'> {
  readonly keys: number;
  readonly inUse: number;
  readonly retired: number;
  readonly destroyed: number;
  readonly endNotSeen: number;
  readonly longestMs: number;
  readonly mostRecords: number;
  readonly mostBytes: number;
  readonly overdue: number;
}

/** A key that came, went, or was to be changed in the period. */
export interface KeyChange extends Pick<KeyRow, 'service' | 'ledger' | 'keyType' | 'keyId' | 'previousKeyId' | 'peerId' | 'sessionsRekeyed'> {
  readonly at: string;
  readonly action: string;
  readonly trigger: string;
  readonly success: boolean;
  readonly error?: string;
}

/** What did not go as the policy says. */
export interface Finding extends Pick<KeyRow, 'service' | 'ledger' | 'keyType' | 'keyId'> {
  readonly kind: 'overdue' | 'beyond hard limit' | 'change failed';
  readonly at: string;
  readonly text: string;
}

/** Time, or events, that a ledger cannot speak for. */
export interface CoverageGap {
  readonly service: string;
  readonly ledger: string;
  readonly kind: 'before the ledger' | 'stopped' | 'ended without closing' | 'silence' | 'events lost' | 'no readable key' | 'no ledger' | 'not over yet';
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** The audit trail, or a mesh, started or stopped. */
export interface TrailChange {
  readonly service: string;
  readonly ledger: string;
  readonly at: string;
  readonly action: string;
}

/** The last signature over an audit log that a ledger has from before the period's end: `verifyAuditLog` takes the note for `checkpoint`. */
export interface AuditLogHead {
  readonly service: string;
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
  readonly note: string;
  readonly at: string;
}

/** A ledger that the report was made from, and what its verification gave. */
export interface ReportedLedger {
  readonly service: string;
  readonly ledger: string;
  readonly origin: string;
  readonly status: 'authentic' | 'consistent';
  readonly records: number;
  /** Base64 Merkle root over them. */
  readonly root: string;
  readonly notAuthenticated: readonly { readonly from: number; readonly to: number; readonly why: string }[];
  /** Records that retention deleted. */
  readonly retired: number;
}

/** Supporting evidence about keys and their changes in a period. Plain JSON. */
export interface ComplianceReport {
  readonly format: 1;
  readonly title: string;
  readonly requirement: ReportedRequirement;
  readonly period: { readonly from: string; readonly to: string };
  readonly generatedAt: string;
  readonly services: readonly string[];
  readonly scope: readonly string[];
  readonly rules: readonly string[];
  /** Over all, listed or not. */
  readonly summary: {
    readonly keys: number;
    readonly inUse: number;
    readonly retired: number;
    readonly destroyed: number;
    readonly endNotSeen: number;
    readonly changes: number;
    readonly findings: number;
    readonly gaps: number;
  };
  readonly classes: readonly KeyClass[];
  readonly findings: readonly Finding[];
  readonly gaps: readonly CoverageGap[];
  readonly keys: readonly KeyRow[];
  readonly changes: readonly KeyChange[];
  readonly trail: readonly TrailChange[];
  readonly auditLogHeads: readonly AuditLogHead[];
  readonly ledgers: readonly ReportedLedger[];
  /** How many of each are counted and not listed. */
  readonly notListed: { readonly [Part in 'classes' | 'findings' | 'gaps' | 'keys' | 'changes' | 'trail' | 'auditLogHeads']: number };
}
