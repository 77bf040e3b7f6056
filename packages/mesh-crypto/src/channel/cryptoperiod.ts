import { MeshError, type KeyPolicy } from '@lemur-bookstores/mesh-interface';

/** When the keys of a session are replaced, and when they protect nothing more: `rotation` of a mesh's options. */
export interface RotationOptions {
  /** Age at which a session has new keys at the latest, in ms, 1 or more. Default 3,600,000: an hour. */
  readonly interval?: number;
  /** `false`: keys are not replaced because of their age; records and bytes count all the same. Default `true`. */
  readonly autoRotate?: boolean;
  /** Age from which a key protects no data, in ms, more than `interval`. Default: twice `interval`, at least 60,000; none where `autoRotate` is `false`. */
  readonly rejectAfterMs?: number;
  /** Records of one key after which it is replaced, 16 to 2^20; it protects four times as many at most. Default 2^20. */
  readonly maxRecords?: number;
  /** Bytes of plaintext of one key after which it is replaced, 2^20 to 2^34; it protects four times as many at most. Default 2^34. */
  readonly maxBytes?: number;
  /** Shortest time between two rekeys of a session, in ms, 0 or more. Default 100. */
  readonly minIntervalMs?: number;
}

/** What a key has been used for, as a limit. `Infinity` is none. */
export interface KeyLimit {
  readonly ageMs: number;
  readonly records: number;
  readonly bytes: number;
}

/** The limits of PROTOCOL 3.7, 3.8 and 3.10. */
export interface Cryptoperiod {
  /** A rekey starts. */
  readonly soft: KeyLimit;
  /** Where `hard` is near: what starts a rekey in a session that is about to end (PROTOCOL 3.8). */
  readonly near: KeyLimit;
  /** Nothing but control records passes, neither to seal nor to open. */
  readonly hard: KeyLimit;
  /** The age from which a key seals no data, in ms: that much before the hard one that what was sealed in time is opened in time. */
  readonly sealMs: number;
  readonly minIntervalMs: number;
  /** How long a peer may take for its part of a rekey, in ms. */
  readonly answerMs: number;
  /** The same as evidence about keys says it; `option` where any option was given. */
  readonly policy: KeyPolicy;
}

const DEFAULT_INTERVAL_MS = 3_600_000;
const DEFAULT_MIN_INTERVAL_MS = 100;
const ANSWER_MS = 30_000;

/** An interval of seconds is a test's, or a demonstration's: what a busy machine holds up for longer than that must not end sessions. */
const MIN_DEFAULT_REJECT_MS = 60_000;

/** How long a record may be on its way, in ms; where the hard limit is near the soft one, half of what is between them. */
const ON_ITS_WAY_MS = 30_000;

/** What AES-GCM is good for with a wide margin (draft-irtf-cfrg-aead-limits): no option raises them. */
const MAX_RECORDS = 2 ** 20;
const MAX_BYTES = 2 ** 34;
const HARD_FACTOR = 4;

/** Below these a burst of one turn meets the hard limit before a rekey can start. */
const MIN_RECORDS = 16;
const MIN_BYTES = 2 ** 20;

/** From this part of the hard limit on it is near. */
const NEAR = 7 / 8;

/**
 * What is wrong with rotation options, each by its path.
 * @param path of the options themselves, e.g. `rotation`
 */
export function rotationProblems(options: RotationOptions = {}, path = 'rotation'): string[] {
  if (typeof options !== 'object' || options === null) return [`${path}: must be an object`];
  const { interval, autoRotate, rejectAfterMs, maxRecords, maxBytes, minIntervalMs } = options;
  const problems: string[] = [];
  const whole = (name: keyof RotationOptions, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): boolean => {
    if (value === undefined) return true;
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return true;
    const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`;
    problems.push(`${path}.${name}: must be a whole number ${range}`);
    return false;
  };
  if (autoRotate !== undefined && typeof autoRotate !== 'boolean') problems.push(`${path}.autoRotate: must be true or false`);
  const intervalIsGood = whole('interval', interval, 1);
  const rejectIsGood = whole('rejectAfterMs', rejectAfterMs, 1);
  if (intervalIsGood && rejectIsGood && autoRotate !== false && rejectAfterMs !== undefined && rejectAfterMs <= (interval ?? DEFAULT_INTERVAL_MS)) {
    problems.push(`${path}.rejectAfterMs: must be more than ${path}.interval, ${interval ?? DEFAULT_INTERVAL_MS}`);
  }
  whole('maxRecords', maxRecords, MIN_RECORDS, MAX_RECORDS);
  whole('maxBytes', maxBytes, MIN_BYTES, MAX_BYTES);
  whole('minIntervalMs', minIntervalMs, 0);
  return problems;
}

/**
 * The limits that rotation options stand for; `undefined` counts as not given.
 * @throws MeshError `invalid_option` that names every problem
 */
export function cryptoperiodOf(options: RotationOptions = {}, path = 'rotation'): Cryptoperiod {
  const problems = rotationProblems(options, path);
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
  const { interval = DEFAULT_INTERVAL_MS, autoRotate = true, maxRecords = MAX_RECORDS, maxBytes = MAX_BYTES } = options;
  const soft: KeyLimit = { ageMs: autoRotate ? interval : Infinity, records: maxRecords, bytes: maxBytes };
  const hard: KeyLimit = {
    ageMs: options.rejectAfterMs ?? (autoRotate ? Math.max(2 * interval, MIN_DEFAULT_REJECT_MS) : Infinity),
    records: HARD_FACTOR * maxRecords,
    bytes: HARD_FACTOR * maxBytes,
  };
  const sealMs = sealMsOf(soft.ageMs, hard.ageMs);
  const near = (first: number, last: number): number => (last === Infinity ? Infinity : Math.max(Math.min(first, last), Math.floor(last * NEAR)));
  return Object.freeze({
    soft: Object.freeze(soft),
    near: Object.freeze({ ageMs: near(soft.ageMs, sealMs), records: near(soft.records, hard.records), bytes: near(soft.bytes, hard.bytes) }),
    hard: Object.freeze(hard),
    sealMs,
    minIntervalMs: options.minIntervalMs ?? DEFAULT_MIN_INTERVAL_MS,
    answerMs: ANSWER_MS,
    policy: policyOf(soft, hard, Object.values(options).some((value) => value !== undefined)),
  });
}

/** After the soft limit, so that a rekey has begun; before the hard one. */
function sealMsOf(softMs: number, hardMs: number): number {
  if (hardMs === Infinity) return Infinity;
  const fromMs = softMs === Infinity ? hardMs / 2 : softMs;
  return Math.floor(hardMs - Math.min(ON_ITS_WAY_MS, (hardMs - fromMs) / 2));
}

const policyOf = (soft: KeyLimit, hard: KeyLimit, given: boolean): KeyPolicy =>
  Object.freeze({
    ...(soft.ageMs === Infinity ? {} : { intervalMs: soft.ageMs }),
    ...(hard.ageMs === Infinity ? {} : { rejectAfterMs: hard.ageMs }),
    maxRecords: soft.records,
    maxBytes: soft.bytes,
    source: given ? 'option' : 'default',
  });

/**
 * The age at which one end starts a rekey, in ms: drawn anew for each epoch, so that a fleet that was started together does not rekey
 * together, and never over the limit. The acceptor's comes after the dialler's: where both have the same options it does not have to ask.
 */
export function jitteredAge(ageMs: number, role: 'initiator' | 'responder', random: () => number): number {
  return ageMs * (role === 'initiator' ? 0.85 + random() / 10 : 0.95 + random() / 20);
}
