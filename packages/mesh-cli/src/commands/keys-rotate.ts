import { Option, type Command } from 'commander';
import { addAdminOptions, adminClient, type AdminOptions } from '../args/admin-options.js';
import { ExitCode } from '../exit-code.js';
import { table } from '../output/table.js';
import { ADMIN_HELP } from './admin-help.js';
import type { CommandContext } from './command-context.js';

interface RotateOptions extends AdminOptions {
  readonly reason: string;
}

const HELP = `
With --reason compromise the old static key is destroyed at once, and sessions that have not done a new handshake within 10 s are closed.
The exit code is 1 where a session has its old keys still.
${ADMIN_HELP}

Examples:
  secure-stack-mesh keys rotate
  secure-stack-mesh keys rotate --reason compromise --url http://orders.internal:9464 --token-file /run/secrets/mesh-admin-token`;

/** `keys rotate`. */
export function addKeysRotate(keys: Command, context: CommandContext): void {
  const rotate = keys
    .command('rotate')
    .summary('give a mesh new keys')
    .description('Gives all live sessions of a mesh new keys, and its new handshakes a new static key, without a lost call. Who asked is in its audit trail.')
    .addOption(new Option('--reason <reason>', 'why').choices(['manual', 'compromise']).default('manual'));
  addAdminOptions(rotate, 30)
    .addHelpText('after', HELP)
    .action(async (options: RotateOptions) => {
      const { body } = await (await adminClient(options, context.io)).post('/keys/rotate', { reason: options.reason });
      const count = (name: string): number => body.at(name).number() ?? 0;
      const [left, ended] = [count('sessionsLeft'), count('sessionsEnded')];
      if (left > 0) context.exit(ExitCode.notProven);
      if (options.json === true) return context.output.line(JSON.stringify(body));
      await context.output.line([{ text: 'rotated', style: 'good' }, ` at ${body.at('rotatedAt').text() ?? '?'}, in ${count('durationMs').toFixed(0)} ms`]);
      const rows = [
        ['static key', `${body.at('keyId').text() ?? '?'}, after ${body.at('previousKeyId').text() ?? '?'}`],
        ['sessions', `${count('sessionsRekeyed')} have new keys, ${ended} ended, ${left} have their old ones still`],
      ];
      for (const line of table(rows, '  ')) await context.output.line(line);
    });
}
