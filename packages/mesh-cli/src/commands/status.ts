import type { Command } from 'commander';
import { addAdminOptions, adminClient, type AdminOptions } from '../args/admin-options.js';
import type { JsonValue } from '../admin/json-value.js';
import { ExitCode } from '../exit-code.js';
import { table } from '../output/table.js';
import { timeSpan } from '../output/time-span.js';
import type { Span } from '../output/output.js';
import { ADMIN_HELP } from './admin-help.js';
import type { CommandContext } from './command-context.js';
import { keyRows } from './keys-status.js';

const HELP = `${ADMIN_HELP}

Examples:
  secure-stack-mesh status
  secure-stack-mesh status --url http://orders.internal:9464 --token-file /run/secrets/mesh-admin-token --json`;

/** `status`. */
export function addStatus(program: Command, context: CommandContext): void {
  const status = program.command('status').summary('show what a mesh does').description('Shows who a mesh is, how it does, and its figures: sessions, calls, breakers, keys, audit.');
  addAdminOptions(status, 10)
    .addHelpText('after', HELP)
    .action(async (options: AdminOptions) => {
      const { body } = await (await adminClient(options, context.io)).get('/stats');
      if (!isWell(body)) context.exit(ExitCode.notProven);
      if (options.json === true) return context.output.line(JSON.stringify(body));
      await context.output.line({ text: body.at('peerId').text() ?? body.at('service').text() ?? '?', style: 'strong' });
      for (const line of table(rowsOf(body, context.io.clock.now()), '  ')) await context.output.line(line);
    });
}

const isWell = (stats: JsonValue): boolean => stats.at('ready').boolean() === true && stats.at('health', 'status').text() !== 'unhealthy';

function rowsOf(stats: JsonValue, now: number): Span[][] {
  const count = (...names: readonly string[]): string => (stats.at(...names).number() ?? 0).toLocaleString('en-US');
  const health = stats.at('health', 'status').text() ?? '?';
  const breaker = stats.at('stats', 'metrics', 'circuitBreakerState').text() ?? '?';
  const connected = stats.at('stats', 'connectedServices').list().map((service) => service.text() ?? '?');
  const troubled = stats
    .at('health', 'checks')
    .entries()
    .filter(([, check]) => check.at('status').text() !== 'healthy')
    .map(([name]) => name);
  const ready = stats.at('ready').boolean() === true;
  return [
    ['state', { text: ready ? 'ready' : stats.at('started').boolean() === true ? 'ending' : 'starting', style: ready ? 'good' : 'bad' }],
    ['health', { text: troubled.length === 0 ? health : `${health} (${troubled.join(', ')})`, style: health === 'healthy' ? 'good' : health === 'degraded' ? 'warning' : 'bad' }],
    ['process', `pid ${stats.at('pid').number() ?? '?'}, Node.js ${stats.at('node').text() ?? '?'}, up ${timeSpan((stats.at('uptimeSeconds').number() ?? 0) * 1_000)}, port ${stats.at('port').number() ?? '-'}`],
    ['sessions', `${count('metrics', 'sessions', 'inbound')} in, ${count('metrics', 'sessions', 'outbound')} out${connected.length === 0 ? '' : `; with ${connected.join(', ')}`}`],
    ['calls', `${count('stats', 'metrics', 'messagesReceived')} in; ${count('stats', 'metrics', 'messagesSent')} out, ${count('stats', 'metrics', 'messagesFailed')} failed, mean ${(stats.at('stats', 'metrics', 'averageLatency').number() ?? 0).toFixed(1)} ms in the last minute`],
    ['refused', `${count('metrics', 'authorizationDenied')} denied, ${count('metrics', 'rateLimited')} over the rate, ${count('metrics', 'overloaded')} over the capacity`],
    ['breakers', { text: breaker, style: breaker === 'closed' ? 'good' : 'bad' }],
    ...keyRows(stats, now),
    ...auditRows(stats),
  ];
}

function auditRows(stats: JsonValue): Span[][] {
  return stats
    .at('stats', 'audit', 'adapters')
    .list()
    .map((lane) => {
      const count = (name: string): number => lane.at(name).number() ?? 0;
      const lost = count('dropped') + count('deadLettered');
      const isFailing = lane.at('failing').boolean() === true;
      const text = `${count('delivered').toLocaleString('en-US')} delivered, ${count('queued') + count('spilled')} waiting, ${lost} lost${isFailing ? ', FAILING' : ''}`;
      return [`audit ${lane.at('adapter').text() ?? '?'}`, { text, style: lost > 0 ? 'bad' : isFailing ? 'warning' : 'good' }];
    });
}
