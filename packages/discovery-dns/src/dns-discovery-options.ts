import { MeshError, stderrLogger, systemClock, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import { IP_VERSIONS, type IpVersion } from './address-look-up.js';
import type { DnsTransport } from './dns-client.js';
import { parseServer, type DnsServer } from './dns-server.js';
import { targetProblems, type DnsTarget } from './dns-target.js';
import type { Resolver } from './resolver.js';

/** Under which name DNS knows a service: each by its id, or by a rule. A service that has none is not found. */
export type DnsServices = Readonly<Record<string, DnsTarget>> | ((serviceId: string) => DnsTarget | undefined);

/** Options of {@link DnsDiscovery}. */
export interface DnsDiscoveryOptions {
  readonly services: DnsServices;
  /** Recursive DNS servers by address, asked in this order: `10.0.0.10`, `10.0.0.10:8600`, `[fd00::a]:53`; 8 at most. Default: those of the machine. */
  readonly servers?: readonly string[] | undefined;
  /** A service is looked up no more often, in ms, whatever its TTL; at least 100. Default 1,000. */
  readonly minTtlMs?: number | undefined;
  /** And no less often, in ms; at least `minTtlMs`. Default 60,000. */
  readonly maxTtlMs?: number | undefined;
  /** How long one server is waited for, in ms; 10 to 4,000. Each is asked twice, and a look-up ends after 4,500 ms. Default 1,000. */
  readonly timeoutMs?: number | undefined;
  /** `tcp` for servers that leave out what does not fit into a packet without saying so, as Consul does unless `enable_truncate` is set. Default `udp`. */
  readonly transport?: DnsTransport | undefined;
  /** How long DNS has to go on saying that no instance is left before it is believed, in ms; 0: at once. Default 10,000. */
  readonly emptyAfterMs?: number | undefined;
  /** Default `prefer-4`. */
  readonly ipVersion?: IpVersion | undefined;
  /** For what reaches nobody else. Default: warnings to stderr. */
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
  /** What asks DNS instead of the own client. `servers`, `timeoutMs` and `transport` are then its own affair. */
  readonly resolver?: Resolver | undefined;
}

/** Options with their defaults. */
export interface DnsDiscoverySettings {
  readonly services: DnsServices;
  readonly servers: readonly DnsServer[] | undefined;
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
  readonly timeoutMs: number;
  readonly transport: DnsTransport;
  readonly emptyAfterMs: number;
  readonly ipVersion: IpVersion;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly resolver: Resolver | undefined;
}

const NAMES: readonly (keyof DnsDiscoveryOptions)[] = [
  'services', 'servers', 'minTtlMs', 'maxTtlMs', 'timeoutMs', 'transport', 'emptyAfterMs', 'ipVersion', 'logger', 'clock', 'resolver',
];
const MAX_SERVERS = 8;
const MAX_SERVICES = 10_000;
const DAY_MS = 86_400_000;

/** @throws MeshError `invalid_option` that names every problem by its path, also in `details.problems` */
export function resolveDnsDiscoveryOptions(options: DnsDiscoveryOptions): DnsDiscoverySettings {
  if (!isObject(options)) throw invalid(['options: must be an object']);
  const problems = Object.keys(options).flatMap((name) => ((NAMES as readonly string[]).includes(name) ? [] : [`${name}: is not an option; known here: ${NAMES.join(', ')}`]));
  const { services, servers, minTtlMs = 1_000, maxTtlMs = Math.max(60_000, minTtlMs), timeoutMs = 1_000, transport = 'udp', emptyAfterMs = 10_000, ipVersion = 'prefer-4' } = options;
  const { logger = stderrLogger, clock = systemClock, resolver } = options;
  const must = (path: string, fits: boolean, what: string): void => void (fits || problems.push(`${path}: must be ${what}`));
  problems.push(...serviceProblems(services), ...serverProblems(servers));
  must('minTtlMs', isBetween(minTtlMs, 100, DAY_MS), `a whole number from 100 to ${DAY_MS}`);
  must('maxTtlMs', isBetween(maxTtlMs, 100, DAY_MS) && !(maxTtlMs < minTtlMs), `a whole number from minTtlMs to ${DAY_MS}`);
  must('timeoutMs', isBetween(timeoutMs, 10, 4_000), 'a whole number from 10 to 4000');
  must('transport', transport === 'udp' || transport === 'tcp', "'udp' or 'tcp'");
  must('emptyAfterMs', isBetween(emptyAfterMs, 0, DAY_MS), `a whole number from 0 to ${DAY_MS}`);
  must('ipVersion', IP_VERSIONS.includes(ipVersion), `4, 6, 'prefer-4', 'prefer-6' or 'both'`);
  must('logger', hasMethods(logger, ['debug', 'info', 'warn', 'error']), 'an object with debug, info, warn and error');
  must('clock', hasMethods(clock, ['now', 'monotonic', 'setTimeout']), 'an object with now, monotonic and setTimeout');
  must('resolver', resolver === undefined || hasMethods(resolver, ['resolve', 'close']), 'an object with resolve and close');
  if (problems.length > 0) throw invalid(problems);
  return Object.freeze({
    services: typeof services === 'function' ? services : Object.freeze({ ...services }),
    servers: servers?.flatMap((server) => parseServer(server) ?? []),
    minTtlMs, maxTtlMs, timeoutMs, transport, emptyAfterMs, ipVersion, logger, clock, resolver,
  });
}

function serviceProblems(services: unknown): string[] {
  if (typeof services === 'function') return [];
  if (!isObject(services) || Array.isArray(services)) return ['services: must be an object of DNS names by service id, or a function from id to DNS name'];
  const entries = Object.entries(services);
  if (entries.length === 0) return ['services: names no service'];
  if (entries.length > MAX_SERVICES) return [`services: names more than ${MAX_SERVICES}; take a function`];
  return entries.flatMap(([id, target]) => targetProblems(`services[${JSON.stringify(id)}]`, target));
}

function serverProblems(servers: unknown): string[] {
  if (servers === undefined) return [];
  if (!Array.isArray(servers) || servers.length === 0 || servers.length > MAX_SERVERS) return [`servers: must be a list of 1 to ${MAX_SERVERS} addresses; leave it out for those of the machine`];
  return servers.flatMap((server: unknown, i) => {
    return parseServer(server) === undefined ? [`servers[${i}]: must be an address like 10.0.0.10, 10.0.0.10:53 or [fd00::a]:53, not ${JSON.stringify(server) ?? typeof server}`] : [];
  });
}

/** An `invalid_option` error. */
export const invalid = (problems: readonly string[]): MeshError => new MeshError('invalid_option', problems.join('; '), { details: { problems } });

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const isBetween = (value: unknown, least: number, most: number): boolean => Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

const hasMethods = (value: unknown, names: readonly string[]): boolean => isObject(value) && names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
