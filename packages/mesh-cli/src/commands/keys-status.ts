import type { Command } from 'commander';
import { addAdminOptions, adminClient, type AdminOptions } from '../args/admin-options.js';
import type { JsonValue } from '../admin/json-value.js';
import { ExitCode } from '../exit-code.js';
import type { Span } from '../output/output.js';
import { table } from '../output/table.js';
import { timeSpan } from '../output/time-span.js';
import { ADMIN_HELP } from './admin-help.js';
import type { CommandContext } from './command-context.js';

/** Less than this until a certificate ends, in ms, and it is said with a warning. */
const SOON_MS = 7 * 86_400_000;

const HELP = `
The exit code is 1 where the static key is overdue, or the certificate has ended.
${ADMIN_HELP}

Example:
  secure-stack-mesh keys status`;

/** `keys status`. */
export function addKeysStatus(keys: Command, context: CommandContext): void {
  const status = keys.command('status').summary('show which keys a mesh has').description('Shows the static key of handshakes with its age, the age of the oldest key of a session, and the certificate. Shows no key, only names and ages.');
  addAdminOptions(status, 10)
    .addHelpText('after', HELP)
    .action(async (options: AdminOptions) => {
      const { body } = await (await adminClient(options, context.io)).get('/stats');
      const now = context.io.clock.now();
      if (!isWell(body, now)) context.exit(ExitCode.notProven);
      if (options.json === true) return context.output.line(JSON.stringify(keysOf(body)));
      for (const line of table(keyRows(body, now))) await context.output.line(line);
    });
}

function isWell(stats: JsonValue, now: number): boolean {
  const notAfter = stats.at('metrics', 'certificate', 'notAfter').number();
  return stats.at('metrics', 'keys', 'staticKey', 'overdue').boolean() !== true && (notAfter === undefined || notAfter > now);
}

function keysOf(stats: JsonValue): object {
  const of = (...names: readonly string[]): number | undefined => stats.at('metrics', ...names).number();
  return {
    staticKey: { keyId: stats.at('staticKeyId').text(), ageMs: of('keys', 'staticKey', 'ageMs'), intervalMs: of('keys', 'staticKey', 'intervalMs'), overdue: stats.at('metrics', 'keys', 'staticKey', 'overdue').boolean() },
    oldestSessionKeyMs: of('keys', 'oldestSessionKeyMs'),
    rekeys: of('rekeys'),
    rekeysFailed: of('rekeysFailed'),
    certificate: { notAfter: of('certificate', 'notAfter') },
  };
}

/** What `/stats` says of keys, in rows. @param now ms since 1970 */
export function keyRows(stats: JsonValue, now: number): Span[][] {
  const keys = stats.at('metrics', 'keys');
  const [ageMs, intervalMs, overdue] = [keys.at('staticKey', 'ageMs').number(), keys.at('staticKey', 'intervalMs').number(), keys.at('staticKey', 'overdue').boolean() === true];
  const notAfter = stats.at('metrics', 'certificate', 'notAfter').number();
  const policy = intervalMs === undefined ? 'rotated when asked' : `rotated each ${timeSpan(intervalMs)}`;
  const certificate: Span = notAfter === undefined ? 'none' : notAfter <= now ? { text: 'ENDED', style: 'bad' } : { text: `${timeSpan(notAfter - now)} left, until ${isoTime(notAfter)}`, style: notAfter - now < SOON_MS ? 'warning' : 'good' };
  return [
    ['static key', { text: ageMs === undefined ? 'none' : `${stats.at('staticKeyId').text() ?? '?'}, ${timeSpan(ageMs)} old, ${policy}${overdue ? ', OVERDUE' : ''}`, style: overdue ? 'bad' : 'good' }],
    ['session keys', `oldest ${timeSpan(keys.at('oldestSessionKeyMs').number() ?? 0)} old; ${stats.at('metrics', 'rekeys').number() ?? 0} changes, ${stats.at('metrics', 'rekeysFailed').number() ?? 0} failed`],
    ['certificate', certificate],
  ];
}

/** A number from afar may be no date. */
const isoTime = (ms: number): string => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : '?');
