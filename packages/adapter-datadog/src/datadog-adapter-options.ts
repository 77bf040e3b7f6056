import type { Agent } from 'node:http';
import { OptionCheck, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import { checkConnection, credentialOf, endpointOf, type Credential } from '@lemur-bookstores/mesh-sink';
import { tagOf } from './datadog-tags.js';

/** The sites of Datadog. https://docs.datadoghq.com/getting_started/site/ */
export const DATADOG_SITES = [
  'datadoghq.com', 'us3.datadoghq.com', 'us5.datadoghq.com', 'datadoghq.eu', 'ap1.datadoghq.com', 'ap2.datadoghq.com', 'uk1.datadoghq.com', 'ddog-gov.com', 'us2.ddog-gov.com',
] as const;

/** One of {@link DATADOG_SITES}. */
export type DatadogSite = (typeof DATADOG_SITES)[number];

/** Options of a {@link DatadogAdapter}. */
export interface DatadogAdapterOptions {
  /** An API key (not an application key) of the organization, of the same site. Required; never printed. */
  readonly apiKey: string | undefined;
  /** Datadog's `service` of all that is sent, 1 to 100 characters: the one that the service's traces have. */
  readonly service: string;
  /** Where the organization is. Default `datadoghq.com`. */
  readonly site?: DatadogSite | undefined;
  /** The tag `env`. Default: none. */
  readonly env?: string | undefined;
  /** Further tags of all that is sent, 90 at most: `{ team: 'payments' }` or `['team:payments']`. */
  readonly tags?: Readonly<Record<string, string>> | readonly string[] | undefined;
  /** Default: the machine's, asked for when something is sent first. */
  readonly hostname?: string | undefined;
  /** Whether there is `logMetrics`. Default true. */
  readonly metrics?: boolean | undefined;
  /** Where logs are sent instead of the site's intake: a proxy, Observability Pipelines. Without a path, `/api/v2/logs` there. https, but for this machine. */
  readonly logsUrl?: string | URL | undefined;
  /** The same for metrics: without a path, `/api/v2/series` there. */
  readonly metricsUrl?: string | URL | undefined;
  /** Makes the connections, through a proxy say. It is not closed, and must verify certificates. Default: one of the adapter's own. */
  readonly agent?: Agent | undefined;
  /** CAs in PEM that are trusted instead of those Node.js knows. */
  readonly ca?: string | readonly string[] | undefined;
  /** A longer event is cut, and marked. Default 1,000,000, more than which Datadog cuts itself without a mark; at least 10,000, and twice what the tags take. */
  readonly maxEventBytes?: number | undefined;
  /** How long a request may take, in ms. Default 10,000; 1 to 600,000. */
  readonly timeoutMs?: number | undefined;
  /** Default: the mesh's, else warnings to stderr. */
  readonly logger?: Logger | undefined;
  /** Default: the mesh's, else the machine's. */
  readonly clock?: Clock | undefined;
}

/** The same with defaults. */
export interface DatadogSettings {
  readonly apiKey: Credential;
  readonly service: string;
  /** `env` first. */
  readonly tags: readonly string[];
  readonly hostname: string | undefined;
  readonly metrics: boolean;
  readonly logsUrl: URL;
  readonly metricsUrl: URL;
  readonly agent: Agent | undefined;
  readonly ca: string | readonly string[] | undefined;
  readonly maxEventBytes: number;
  readonly timeoutMs: number;
  readonly logger: Logger | undefined;
  readonly clock: Clock | undefined;
}

const NAMES: readonly (keyof DatadogAdapterOptions)[] = [
  'apiKey', 'service', 'site', 'env', 'tags', 'hostname', 'metrics', 'logsUrl', 'metricsUrl', 'agent', 'ca', 'maxEventBytes', 'timeoutMs', 'logger', 'clock',
];
/** Datadog keeps 100 tags of a log; the others are the adapter's. */
const MAX_TAGS = 90;
/** Key and value. The control characters are not the only trouble: a comma would make two tags of one. */
const TAG = /^(?<key>\p{L}[\p{L}\p{N}_\-./]*):(?<value>[^\p{C},]*[^\p{C},:\s])$/u;
/** Tags that have an option of their own. */
const OWN_TAGS: readonly string[] = ['service', 'env', 'host'];

/** @throws MeshError `invalid_option` that names every problem by its path, also in `details.problems` */
export function resolveDatadogOptions(options: DatadogAdapterOptions): DatadogSettings {
  const check = new OptionCheck();
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null) check.add('options', 'must be an object');
  const given: Partial<Record<string, unknown>> = check.problems.length === 0 && check.isObject(options, NAMES) ? options : {};
  const { service, site = 'datadoghq.com', env, tags, hostname, metrics = true, agent, ca, maxEventBytes = 1_000_000, timeoutMs = 10_000, logger, clock } = given;
  const apiKey = credentialOf(check, 'apiKey', given['apiKey']);
  check.must('service', isText(service, 100), 'a text of 1 to 100 characters');
  const isSite = (DATADOG_SITES as readonly unknown[]).includes(site);
  if (!isSite) check.add('site', `must be one of ${DATADOG_SITES.join(', ')}; another address is set with logsUrl and metricsUrl`);
  check.must('env', env === undefined || isText(env, 190), 'a text of 1 to 190 characters');
  check.must('hostname', hostname === undefined || isText(hostname, 255), 'a text of 1 to 255 characters');
  check.boolean('metrics', metrics);
  checkConnection(check, { agent, ca });
  check.whole('maxEventBytes', maxEventBytes, 10_000, 1_000_000);
  check.whole('timeoutMs', timeoutMs, 1, 600_000);
  check.parts({ logger, clock });
  const settings = {
    apiKey, service, hostname, metrics, agent, ca, maxEventBytes, timeoutMs, logger, clock,
    tags: [...(isText(env, 190) ? [tagOf('env', env)] : []), ...tagsOf(check, tags)],
    logsUrl: urlOf(check, 'logsUrl', given['logsUrl'], `https://http-intake.logs.${isSite ? String(site) : 'invalid'}`, '/api/v2/logs'),
    metricsUrl: urlOf(check, 'metricsUrl', given['metricsUrl'], `https://api.${isSite ? String(site) : 'invalid'}`, '/api/v2/series'),
  };
  const tagBytes = Buffer.byteLength(settings.tags.join());
  if (typeof maxEventBytes === 'number' && tagBytes > maxEventBytes / 2) check.add('tags', `must be half of maxEventBytes at most, which no event would fit into: they are ${tagBytes} bytes in each log`);
  check.throwIfAny();
  return Object.freeze(settings) as DatadogSettings;
}

function urlOf(check: OptionCheck, name: string, value: unknown, origin: string, path: string): URL | undefined {
  const url = endpointOf(check, name, value ?? origin, { credentials: true });
  if (url?.pathname === '/') url.pathname = path;
  return url;
}

function tagsOf(check: OptionCheck, tags: unknown): string[] {
  if (tags === undefined) return [];
  if (typeof tags !== 'object' || tags === null) {
    check.add('tags', "must be an object of texts, or a list of texts as 'key:value'");
    return [];
  }
  const entries = Array.isArray(tags) ? tags.map((tag: unknown, index) => [`tags[${index}]`, tag] as const) : Object.entries(tags).map(([key, value]) => [`tags.${key}`, isText(value, 200) ? `${key}:${value}` : value] as const);
  if (entries.length > MAX_TAGS) check.add('tags', `must be ${MAX_TAGS} at most`);
  return entries.slice(0, MAX_TAGS).flatMap(([path, tag]) => {
    const { key, value } = (isText(tag, 200) ? TAG.exec(tag)?.groups : undefined) ?? {};
    if (key === undefined || value === undefined) {
      check.add(path, 'must be a key that begins with a letter, and a value, 200 characters at most, without comma');
      return [];
    }
    if (OWN_TAGS.includes(key.toLowerCase())) check.add(path, `is set with the option ${key.toLowerCase() === 'host' ? 'hostname' : key.toLowerCase()}`);
    return [tagOf(key, value)];
  });
}

const isText = (value: unknown, max: number): value is string => typeof value === 'string' && value.trim() !== '' && value.length <= max;
