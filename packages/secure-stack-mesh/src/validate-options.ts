import { defaultKeysDir } from '@lemur-bookstores/mesh-ca';
import { completeBackoff, completeLoadBalancing, completeSessionLimits, DEFAULT_SESSION_LIMITS, defaultRuntimeDir, type BackoffOptions } from '@lemur-bookstores/mesh-core';
import { cryptoperiodOf, parsePins, parseSpiffeId, type RotationOptions } from '@lemur-bookstores/mesh-crypto';
import { MeshError, stderrLogger, systemClock, type Clock, type Logger, type MeshPaths, type ServiceNode } from '@lemur-bookstores/mesh-interface';
import { completeAuditOptions, type RedactionOptions } from '@lemur-bookstores/mesh-audit';
import { adminOptionProblems } from '@lemur-bookstores/mesh-health';
import { resilienceProblems } from '@lemur-bookstores/mesh-resilience';
import { checkAuthorizationTable } from './authorization-table.js';
import type { MonitoringOptions, SecureMeshOptions } from './options.js';
import { OptionProblems } from './option-problems.js';
import { isServiceId, SERVICE_ID_RULE } from './service-id.js';

/** Options with every default filled in. */
export interface CompleteOptions extends SecureMeshOptions {
  readonly paths: MeshPaths;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly backoff: BackoffOptions;
  readonly services: readonly ServiceNode[];
  /** In ms. */
  readonly sessionTimeoutMs: number;
}

const DAY_MS = 86_400_000;

/** A session takes part of a minute to be replaced; and who wants none replaced for months wants `rotation.autoRotate: false`. */
const SESSION_TIMEOUT = [60_000, 30 * DAY_MS] as const;

const TOP_LEVEL = [
  'serviceId', 'port', 'host', 'advertise', 'identity', 'discovery', 'security', 'paths', 'resilience', 'loadBalancing', 'rotation', 'monitoring', 'health', 'admin',
  'logger', 'limits', 'codec', 'transport', 'clock',
] as const satisfies readonly (keyof SecureMeshOptions)[];

const MONITORING = [
  'enabled', 'adapters', 'events', 'level', 'redact', 'delivery', 'spill', 'onDeadLetter', 'laneEvents', 'laneBytes', 'batch', 'deliveryTimeoutMs', 'attempts',
  'retryDelayMs', 'flushMs', 'metricsIntervalMs',
] as const satisfies readonly (keyof MonitoringOptions)[];

const ROTATION = ['interval', 'autoRotate', 'rejectAfterMs', 'maxRecords', 'maxBytes', 'minIntervalMs'] as const satisfies readonly (keyof RotationOptions)[];

const REDACTION = ['mask', 'allow', 'only', 'hmac', 'maxStringLength', 'maxDepth', 'maxEntries'] as const satisfies readonly (keyof RedactionOptions)[];

/**
 * Turns options into complete, frozen ones.
 * @throws MeshError `invalid_option` with every problem, each by its path
 */
export function completeOptions(options: SecureMeshOptions): CompleteOptions {
  const problems = new OptionProblems();
  if (typeof options !== 'object' || (options as unknown) === null) throw new MeshError('invalid_option', 'options: must be an object');
  problems.object('', options, TOP_LEVEL);
  if (!isServiceId(options.serviceId)) problems.add('serviceId', SERVICE_ID_RULE);
  if (options.port === undefined) problems.add('port', 'is required; 0 = any free port');
  problems.whole('port', options.port, 0, 65_535);
  problems.string('host', options.host);
  checkParts(problems, options);
  checkIdentity(problems, options.identity);
  checkDiscovery(problems, options.discovery);
  const paths = Object.freeze({
    keysDir: options.paths?.keysDir ?? defaultKeysDir(),
    logsDir: options.paths?.logsDir ?? './logs',
    runtimeDir: options.paths?.runtimeDir ?? defaultRuntimeDir(),
  });
  checkMonitoring(problems, options.monitoring, paths);
  problems.throwIfAny();
  return Object.freeze({
    ...options,
    paths,
    logger: options.logger ?? stderrLogger,
    clock: options.clock ?? systemClock,
    backoff: completeBackoff(options.resilience?.backoff),
    services: options.discovery?.services ?? [],
    sessionTimeoutMs: options.security?.sessionTimeout ?? DAY_MS,
  });
}

function checkParts(problems: OptionProblems, options: SecureMeshOptions): void {
  const { advertise, security, paths, resilience, loadBalancing, rotation, limits } = options;
  if (problems.object('advertise', advertise, ['host', 'port'])) {
    problems.string('advertise.host', advertise.host);
    problems.whole('advertise.port', advertise.port, 1, 65_535);
  }
  if (problems.object('security', security, ['suite', 'primitives', 'sessionTimeout', 'authorize', 'authorizeMode'])) {
    problems.oneOf('security.suite', security.suite, ['aesgcm', 'chachapoly']);
    problems.oneOf('security.primitives', security.primitives, ['node', 'noble']);
    problems.whole('security.sessionTimeout', security.sessionTimeout, ...SESSION_TIMEOUT);
    if (security.authorize !== undefined && typeof security.authorize !== 'function') checkAuthorizationTable(problems, 'security.authorize', security.authorize);
    problems.oneOf('security.authorizeMode', security.authorizeMode, ['enforce', 'audit']);
    if (security.authorizeMode !== undefined && security.authorize === undefined) problems.add('security.authorizeMode', 'means nothing without security.authorize');
  }
  if (problems.object('paths', paths, ['keysDir', 'logsDir', 'runtimeDir'])) {
    for (const [key, value] of Object.entries(paths)) problems.string(`paths.${key}`, value);
  }
  problems.addAll(resilienceProblems(resilience, 'resilience', ['timeoutMs', 'backoff']));
  if (typeof resilience === 'object' && (resilience as unknown) !== null) {
    problems.number('resilience.timeoutMs', resilience.timeoutMs, 1, DAY_MS);
    if (problems.object('resilience.backoff', resilience.backoff, ['initialMs', 'maxMs'])) {
      problems.number('resilience.backoff.initialMs', resilience.backoff.initialMs, 1, DAY_MS);
      problems.number('resilience.backoff.maxMs', resilience.backoff.maxMs, 1, DAY_MS);
    }
  }
  problems.take(() => completeLoadBalancing(loadBalancing));
  if (problems.object('rotation', rotation, ROTATION)) problems.take(() => cryptoperiodOf(rotation));
  if (problems.object('limits', limits, Object.keys(DEFAULT_SESSION_LIMITS))) {
    problems.take(() => completeSessionLimits(limits));
  }
  if (options.admin !== undefined) problems.addAll(adminOptionProblems(options.admin));
  problems.has('health', options.health, ['registerCheck', 'start', 'stop']);
  problems.has('logger', options.logger, ['debug', 'info', 'warn', 'error']);
  problems.has('codec', options.codec, ['encode', 'decode']);
  problems.has('transport', options.transport, ['dial', 'listen']);
  problems.has('clock', options.clock, ['now', 'monotonic', 'setTimeout']);
}

function checkIdentity(problems: OptionProblems, identity: SecureMeshOptions['identity']): void {
  if (!problems.object('identity', identity, ['certFile', 'keyFile', 'caFile', 'local'])) return;
  if ('local' in identity) {
    if (identity.local !== true) problems.add('identity.local', 'must be true; leave identity out otherwise');
    if ('certFile' in identity || 'keyFile' in identity || 'caFile' in identity) problems.add('identity', 'is either local or from files');
    return;
  }
  for (const key of ['certFile', 'keyFile', 'caFile'] as const) {
    if ((identity as Record<string, unknown>)[key] === undefined) problems.add(`identity.${key}`, 'is required: the three files are taken together');
    problems.string(`identity.${key}`, identity[key]);
  }
}

function checkDiscovery(problems: OptionProblems, discovery: SecureMeshOptions['discovery']): void {
  if (!problems.object('discovery', discovery, ['services', 'provider'])) return;
  problems.has('discovery.provider', discovery.provider, ['register', 'discover']);
  const { services } = discovery as { services?: unknown };
  if (services === undefined) return;
  if (!Array.isArray(services)) return problems.add('discovery.services', 'must be a list');
  services.forEach((service: unknown, index) => checkService(problems, `discovery.services[${index}]`, service));
}

function checkService(problems: OptionProblems, path: string, service: unknown): void {
  if (service === undefined) return problems.add(path, 'must be an object');
  if (!problems.object(path, service, ['id', 'host', 'port', 'instanceId', 'publicKey', 'spiffeId', 'tls', 'path'])) return;
  if (!isServiceId(service['id'])) problems.add(`${path}.id`, SERVICE_ID_RULE);
  if (service['host'] === undefined) problems.add(`${path}.host`, 'is required');
  problems.string(`${path}.host`, service['host']);
  if (service['port'] === undefined) problems.add(`${path}.port`, 'is required');
  problems.whole(`${path}.port`, service['port'], 1, 65_535);
  problems.string(`${path}.instanceId`, service['instanceId']);
  problems.boolean(`${path}.tls`, service['tls']);
  if (service['path'] !== undefined && (typeof service['path'] !== 'string' || !service['path'].startsWith('/'))) problems.add(`${path}.path`, "must begin with '/'");
  attempt(problems, `${path}.publicKey`, service['publicKey'], (value) => parsePins(value as string));
  attempt(problems, `${path}.spiffeId`, service['spiffeId'], (value) => parseSpiffeId(value as string));
}

function attempt(problems: OptionProblems, path: string, value: unknown, parse: (value: unknown) => unknown): void {
  if (value === undefined) return;
  try {
    parse(value);
  } catch (error) {
    problems.add(path, MeshError.from(error).text);
  }
}

/** Shapes here; what else an option of this group must be, the audit logger knows. */
function checkMonitoring(problems: OptionProblems, monitoring: SecureMeshOptions['monitoring'], paths: MeshPaths): void {
  const { enabled, redact, adapters = [] }: MonitoringOptions = monitoring ?? {};
  if (!problems.object('monitoring', monitoring, MONITORING)) return;
  problems.boolean('monitoring.enabled', enabled);
  const names = { mask: redact?.mask, allow: redact?.allow, only: redact?.only };
  if (problems.object('monitoring.redact', redact, REDACTION)) {
    for (const [key, value] of Object.entries(names)) problems.strings(`monitoring.redact.${key}`, value);
  }
  problems.takeUnder('monitoring', () => completeAuditOptions({ ...monitoring, adapters, context: { paths } }));
}
