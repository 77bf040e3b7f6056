import { canonicalName, isDnsName } from './dns-name.js';

/** The name under which DNS knows a service. */
export type DnsTarget = string | DnsServiceTarget | DnsHostTarget;

/** SRV records say host and port of each instance. */
export interface DnsServiceTarget {
  /** E.g. `_mesh._tcp.orders.prod.svc.cluster.local`. Whole: no search domains are tried. */
  readonly name: string;
  /** Default, where no `port` is given. */
  readonly type?: 'srv' | undefined;
  readonly port?: undefined;
}

/** A and AAAA records say the address of each instance; the port is the same for all. */
export interface DnsHostTarget {
  readonly name: string;
  /** Default, where a `port` is given. */
  readonly type?: 'a' | undefined;
  /** 1 to 65,535. */
  readonly port: number;
}

/** A target in its one form. */
export type CompleteTarget = { readonly type: 'srv'; readonly name: string } | { readonly type: 'a'; readonly name: string; readonly port: number };

const NAMES: readonly string[] = ['name', 'type', 'port'];

/** @returns what is wrong, each by its path */
export function targetProblems(path: string, target: unknown): string[] {
  if (typeof target === 'string') return isDnsName(target) ? [] : [`${path}: ${notAName(target)}`];
  if (typeof target !== 'object' || target === null) return [`${path}: must be a DNS name, or { name, type?, port? }`];
  const problems = Object.keys(target).flatMap((key) => (NAMES.includes(key) ? [] : [`${path}.${key}: is not an option; known here: ${NAMES.join(', ')}`]));
  const { name, type, port } = target as Readonly<Record<string, unknown>>;
  if (!isDnsName(name)) problems.push(`${path}.name: ${notAName(name)}`);
  if (type !== undefined && type !== 'srv' && type !== 'a') problems.push(`${path}.type: must be 'srv' or 'a' (A and AAAA)`);
  if (type === 'srv' && port !== undefined) problems.push(`${path}.port: SRV records say the port; leave it out, or take type 'a'`);
  if (type === 'a' && port === undefined) problems.push(`${path}.port: is required with type 'a': A and AAAA records say none`);
  if (port !== undefined && !(Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 0xffff)) problems.push(`${path}.port: must be a whole number from 1 to 65535`);
  return problems;
}

/** @param target without problems */
export function completeTarget(target: DnsTarget): CompleteTarget {
  if (typeof target === 'string') return { type: 'srv', name: canonicalName(target) };
  const name = canonicalName(target.name);
  return target.port === undefined ? { type: 'srv', name } : { type: 'a', name, port: target.port };
}

/** For people, and apart from every other. */
export const describeTarget = (target: CompleteTarget): string => (target.type === 'srv' ? `SRV ${target.name}` : `A/AAAA ${target.name} port ${target.port}`);

const notAName = (value: unknown): string => `must be a DNS name of at most 253 characters, not ${JSON.stringify(value) ?? typeof value}; a fixed address belongs in discovery.services`;
