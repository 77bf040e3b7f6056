import { MeshError } from '@lemur-bookstores/mesh-interface';
import { SERVICE_ID } from './crypto-manager-options.js';

/** Why somebody asks for a rotation. */
export type RotationReason = 'manual' | 'certificate' | 'compromise';

const ROTATION_REASONS: readonly RotationReason[] = ['manual', 'certificate', 'compromise'];

/** What a rotation did. Plain JSON, nothing secret in it. */
export interface RotationResult {
  /** Names the static key of new handshakes: 32 hex digits of a hash of its public half. */
  readonly keyId: string;
  /** Names the one before. */
  readonly previousKeyId: string;
  readonly trigger: RotationReason | 'interval';
  /** ISO 8601. */
  readonly rotatedAt: string;
  /** How long it took, in ms. */
  readonly durationMs: number;
  /** Sessions that have new keys at both ends. */
  readonly sessionsRekeyed: number;
  /** Sessions that ended without: with a compromise, closed because their peer did not come back in time. */
  readonly sessionsEnded: number;
  /** Sessions that have their old keys still; they are replaced in the background, unless the peer does not take part. */
  readonly sessionsLeft: number;
}

/** Options of a {@link KeyRotation}. */
export interface KeyRotationOptions {
  /** Age at which the static key has been replaced, in ms, a whole number of 1 or more; months are fine. */
  readonly rotationInterval: number;
  /** `false`: only when asked. Default `true`. */
  readonly autoRotate?: boolean;
  /** Told of each rotation that succeeded. What it throws, or rejects with, is logged. */
  readonly onRotation?: (result: RotationResult) => unknown;
  /** What events say of where the interval comes from. Default `option`. */
  readonly policySource?: 'default' | 'option';
}

const OPTIONS: readonly string[] = ['rotationInterval', 'autoRotate', 'onRotation', 'policySource'] satisfies (keyof KeyRotationOptions)[];

/** @throws MeshError `invalid_option` that names every problem by its path */
export function checkKeyRotation(serviceId: unknown, cryptoManager: unknown, options: KeyRotationOptions, auditLogger: unknown): void {
  const problems: string[] = [];
  if (typeof serviceId !== 'string' || !SERVICE_ID.test(serviceId)) problems.push(`serviceId: must match ${SERVICE_ID.source}`);
  if (!hasMethods(cryptoManager, ['load', 'ownSessions'])) problems.push('cryptoManager: must be a CryptoManager');
  if (auditLogger !== undefined && !hasMethods(auditLogger, ['record', 'log', 'contractOf'])) problems.push('auditLogger: must be an AuditLogger, or left out');
  if (typeof options !== 'object' || (options as unknown) === null) problems.push('options: must be an object');
  else {
    const { rotationInterval, autoRotate, onRotation, policySource } = options;
    for (const name of Object.keys(options)) if (!OPTIONS.includes(name)) problems.push(`${name}: is not an option; known here: ${OPTIONS.join(', ')}`);
    if (!Number.isSafeInteger(rotationInterval) || rotationInterval < 1) problems.push('rotationInterval: must be a whole number of 1 or more, in ms');
    if (autoRotate !== undefined && typeof autoRotate !== 'boolean') problems.push('autoRotate: must be true or false');
    if (onRotation !== undefined && typeof onRotation !== 'function') problems.push('onRotation: must be a function');
    if (policySource !== undefined && policySource !== 'default' && policySource !== 'option') problems.push("policySource: 'default' or 'option'");
  }
  refuse(problems);
}

/**
 * The reason that somebody gives for a rotation. Nothing else is let pass: what was meant as a compromise must not be taken for less.
 * @throws MeshError `invalid_option` that names every problem by its path
 */
export function rotationReasonOf(options: { readonly reason?: RotationReason }): RotationReason {
  const problems: string[] = [];
  if (typeof options !== 'object' || (options as unknown) === null) problems.push("options: must be an object, e.g. { reason: 'compromise' }");
  else {
    for (const name of Object.keys(options)) if (name !== 'reason') problems.push(`${name}: is not an option; known here: reason`);
    if (options.reason !== undefined && !ROTATION_REASONS.includes(options.reason)) problems.push(`reason: must be one of ${ROTATION_REASONS.join(', ')}`);
  }
  refuse(problems);
  return options.reason ?? 'manual';
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
}

const hasMethods = (value: unknown, names: readonly string[]): boolean =>
  typeof value === 'object' && value !== null && names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
