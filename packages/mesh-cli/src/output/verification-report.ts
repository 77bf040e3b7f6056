import type { AuditVerification, LogVerification, RecordRange, UnauthenticatedRange, VerificationStatus } from '@lemur-bookstores/mesh-log';
import type { Line, Style } from './output.js';

/** What the logs were checked under. */
export interface VerifiedUnder {
  readonly keys: number;
  readonly checkpoints: number;
}

const WORDS: Readonly<Record<VerificationStatus, string>> = { authentic: 'AUTHENTIC', consistent: 'consistent, NOT authenticated', tampered: 'TAMPERED' };
const STYLES: Readonly<Record<VerificationStatus, Style>> = { authentic: 'good', consistent: 'warning', tampered: 'bad' };

const WHY: Readonly<Record<UnauthenticatedRange['why'], string>> = {
  recovered: 'they stood behind the last checkpoint when the writer died; whoever could write the file then may have changed or added them',
  tail: 'no checkpoint covers them yet',
  'not compared': 'all kept checkpoints are of records that are no longer there, so that nothing was compared: give a later one',
  'no key': 'neither a key nor a kept checkpoint was given to check them under',
};

const LABEL_WIDTH = 20;

/** What was found out, for a person to read. */
export function verificationReport({ status, logs }: AuditVerification, under: VerifiedUnder): Line[] {
  return [...logs.flatMap((log) => [...logLines(log), '']), summary(status, logs, under), ...cannotShow(status, under)];
}

/** One log. */
function logLines(log: LogVerification): Line[] {
  const { directory, status, origin, size, checkpoints, notAuthenticated, retired, clean, problem } = log;
  const lines: Line[] = [[{ text: directory, style: 'strong' }, ': ', { text: WORDS[status], style: STYLES[status] }]];
  const field = (label: string, ...value: Exclude<Line, readonly unknown[]>[]): void => void lines.push([`  ${label.padEnd(LABEL_WIDTH)}`, ...value]);
  if (problem !== undefined) {
    const place = problem.segment === undefined ? '' : ` in ${problem.segment}`;
    field('first bad record', { text: `${problem.record}${place}`, style: 'bad' });
    field('why', { text: problem.text, style: 'bad' });
  }
  if (origin !== undefined) field('origin', origin);
  field('records', problem === undefined ? count(size) : `${count(size)} read`);
  field('checkpoints', count(checkpoints));
  for (const range of notAuthenticated) field('NOT AUTHENTICATED', { text: `${rangeText(range)}: ${WHY[range.why]}`, style: 'warning' });
  if (retired !== undefined) field('retired', `${rangeText(retired)}: deleted by retention; what was in them cannot be checked`);
  if (problem === undefined) field('end', clean ? 'closed' : 'not closed: it is being written, its writer died, or its end was cut off');
  return lines;
}

function summary(status: VerificationStatus, logs: readonly LogVerification[], { keys, checkpoints }: VerifiedUnder): Line {
  const trust = [keys > 0 && plural(keys, 'key'), checkpoints > 0 && plural(checkpoints, 'kept checkpoint')].filter((part) => part !== false).join(' and ');
  const unauthenticated = logs.reduce((sum, log) => sum + log.notAuthenticated.reduce((records, { from, to }) => records + to - from, 0), 0);
  const parts = [`${plural(logs.length, 'log')}, under ${trust === '' ? 'no key' : trust}: `, { text: WORDS[status], style: STYLES[status] }];
  return status === 'authentic' && unauthenticated > 0 ? [...parts, ', but for ', { text: plural(unauthenticated, 'record'), style: 'warning' }] : parts;
}

function cannotShow(status: VerificationStatus, { keys, checkpoints }: VerifiedUnder): Line[] {
  if (status === 'tampered') return ['Keep the folder as it is, and start a new log elsewhere: docs/audit.md'];
  const advice = keys + checkpoints === 0 ? "Give --key ('secure-stack-mesh audit key' prints it) or --checkpoint: a log that fits itself may be a forgery as a whole. " : '';
  const gap = "what the holder of the writer's key rewrote behind the last kept checkpoint, and whether later records were cut off";
  return [`${advice}Not shown: ${gap} (docs/audit.md).`];
}

const rangeText = ({ from, to }: RecordRange): string => (to - from === 1 ? `record ${from}` : `records ${from} to ${to - 1} (${count(to - from)})`);

const plural = (number: number, noun: string): string => `${count(number)} ${noun}${number === 1 ? '' : 's'}`;

const count = (number: number): string => number.toLocaleString('en-US');
