export { LogWriter } from './log-writer.js';
export { ServiceLog } from './service-log.js';
export type { ServiceLogSettings } from './service-log-settings.js';
export { logFolder } from './service-log-names.js';
export { isPath, serviceLogProblems, type ServiceLogOptions } from './service-log-problems.js';
export type { Appended } from './commit-queue.js';
export { MIN_SEGMENT_BYTES, type LogNaming, type LogWriterOptions } from './log-options.js';
export type { LogState } from './log-state.js';
export type { LogTimezone, Rotation } from './rotation-schedule.js';
export { verifyAuditLog, type VerifyOptions } from './verify-audit-log.js';
export type { TrustOptions } from './trust.js';
export type {
  AuditVerification,
  LogVerification,
  RecordRange,
  UnauthenticatedRange,
  VerificationProblem,
  VerificationStatus,
} from './verification.js';
export { queryLog } from './query.js';
export { tailLog, type TailOptions } from './tail-log.js';
export type { EventFilter, LogFilter } from './log-filter.js';
export type { LoggedEvent } from './logged-event.js';
export { SigningKey } from './signing-key.js';
export { addSigningKey, openSigningKeys, readSigningKeys, type SigningKeys } from './signing-key-files.js';
export {
  formatCheckpoint,
  parseCheckpoint,
  readCheckpoint,
  signCheckpoint,
  type Checkpoint,
  type SignedCheckpoint,
} from './checkpoint.js';
export { NoteVerifier, openNote, parseNote, signNote, type NoteSignature, type NoteSigner, type ParsedNote } from './signed-note.js';
export { MerkleTree } from './merkle-tree.js';
export { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion, type ConsistencyClaim, type InclusionClaim } from './merkle-proof.js';
export { leafHash, nodeHash } from './leaf.js';
export { logDirectories } from './log-directories.js';
export { claimWriterLock, type WriterLock } from './writer-lock.js';
export { makeDurableDirectory } from './durable-directory.js';
export { nodeFileSystem, type FileStatus, type FileSystem, type LogFile } from './file-system.js';
