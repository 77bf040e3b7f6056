export { ComplianceAdapter } from './compliance-adapter.js';
export type { ComplianceAdapterOptions } from './compliance-adapter-options.js';
export { reportFromLedger } from './report/report-from-ledger.js';
export type { ReportOptions } from './report/report-options.js';
export type {
  AuditLogHead,
  ComplianceReport,
  CoverageGap,
  Finding,
  KeyChange,
  KeyClass,
  KeyRow,
  KeyState,
  ReportedLedger,
  ReportedRequirement,
  ReportPeriod,
  TrailChange,
} from './report/compliance-report.js';
export { reportForms, signReport, type ReportFiles, type ReportForms } from './output/report-files.js';
export { writeReportFiles, type WrittenReport } from './output/write-report.js';
export { verifyReport, type GivenReportFiles, type ReportVerification } from './output/verify-report.js';
export { STANDARDS } from './standards/find-requirement.js';
export type { OtherId, Requirement, Standard } from './standards/standard.js';
