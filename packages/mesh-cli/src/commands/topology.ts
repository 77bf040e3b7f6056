import type { Command } from 'commander';
import { addAdminOptions, adminClient, type AdminOptions } from '../args/admin-options.js';
import type { JsonValue } from '../admin/json-value.js';
import type { Span, Style } from '../output/output.js';
import { headings, table } from '../output/table.js';
import { ADMIN_HELP } from './admin-help.js';
import type { CommandContext } from './command-context.js';

const STATES: Readonly<Record<string, Style>> = { connected: 'good', dialling: 'warning', waiting: 'bad', closed: 'good', 'half-open': 'warning', open: 'bad' };

const HELP = `${ADMIN_HELP}

Examples:
  secure-stack-mesh topology
  secure-stack-mesh topology --json`;

/** `topology`. */
export function addTopology(program: Command, context: CommandContext): void {
  const topology = program
    .command('topology')
    .summary('show who is connected to whom')
    .description('Shows whom a mesh calls, at which instances, with which sessions and breakers, and who calls it: as this mesh sees it, not the whole of the mesh.');
  addAdminOptions(topology, 10)
    .addHelpText('after', HELP)
    .action(async (options: AdminOptions) => {
      const { body } = await (await adminClient(options, context.io)).get('/stats');
      const service = body.at('service').text() ?? '?';
      if (options.json === true) return context.output.line(JSON.stringify({ service, ...plain(body.at('topology')) }));
      for (const line of table(rowsOf(service, body.at('topology')))) await context.output.line(line);
    });
}

const number = (value: JsonValue): string => String(value.number() ?? 0);
const word = (value: JsonValue): string => value.text() ?? '-';
const state = (value: JsonValue): Span => ({ text: word(value), style: STATES[word(value)] ?? 'faint' });

function rowsOf(service: string, topology: JsonValue): Span[][] {
  const rows: Span[][] = [headings('FROM', 'TO', 'AT', 'STATE', 'SESSIONS', 'IN FLIGHT', 'BREAKER', 'PEER OR REASON')];
  for (const called of topology.at('outbound').list()) {
    const to = word(called.at('service'));
    const endpoints = called.at('endpoints').list();
    if (endpoints.length === 0) rows.push([service, to, '-', { text: 'unknown', style: 'bad' }, '0', '0', '-', 'no instance is known']);
    for (const endpoint of endpoints) {
      rows.push([service, to, word(endpoint.at('endpoint')), state(endpoint.at('state')), number(endpoint.at('sessions')), number(endpoint.at('callsInFlight')), state(endpoint.at('breaker')), endpoint.at('peerId').text() ?? word(endpoint.at('reason'))]);
    }
  }
  for (const peer of topology.at('inbound').list()) {
    rows.push([word(peer.at('service')), service, '-', { text: 'connected', style: 'good' }, number(peer.at('sessions')), number(peer.at('callsInFlight')), '-', word(peer.at('peerId'))]);
  }
  return rows;
}

/** What the table has, and nothing that the endpoint made up besides. */
function plain(topology: JsonValue): object {
  const outbound = topology.at('outbound').list().map((called) => ({
    service: called.at('service').text(),
    endpoints: called.at('endpoints').list().map((endpoint) => ({
      ...Object.fromEntries(['endpoint', 'instanceId', 'state', 'reason', 'peerId', 'breaker'].map((name) => [name, endpoint.at(name).text()])),
      sessions: endpoint.at('sessions').number(),
      callsInFlight: endpoint.at('callsInFlight').number(),
    })),
  }));
  const inbound = topology.at('inbound').list().map((peer) => ({ service: peer.at('service').text(), peerId: peer.at('peerId').text(), sessions: peer.at('sessions').number(), callsInFlight: peer.at('callsInFlight').number() }));
  return { outbound, inbound };
}
