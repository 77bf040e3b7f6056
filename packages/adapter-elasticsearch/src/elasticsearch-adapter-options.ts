import { OptionCheck, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import { Credential, credentialOf, endpointOf } from '@lemur-bookstores/mesh-sink';

/** What the adapter uses of a `Client` of `@elastic/elasticsearch`, 8.x or later. */
export interface ElasticsearchClient {
  readonly transport: { request(params: { method: string; path: string }, options?: object): Promise<unknown> };
}

/** Who the adapter is to Elasticsearch: exactly one of the three forms. Never printed. */
export type ElasticsearchAuth =
  | { readonly username: string | undefined; readonly password: string | undefined }
  /** As Kibana shows it: base64 of `id:api_key`. */
  | { readonly apiKey: string | undefined }
  | { readonly bearer: string | undefined };

/** Whom to trust, and as whom to show up, where nodes are `https`. There is no way to trust everybody. */
export interface ElasticsearchTls {
  /** Certificates of the CAs to trust, PEM. Default: those of Node.js. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** SHA-256 of the CA's certificate, in hex with or without colons, as Elasticsearch shows it at its first start: instead of `ca`. */
  readonly fingerprint?: string | undefined;
  /** Own certificate, PEM. */
  readonly cert?: string | Buffer | undefined;
  /** Its key, PEM. */
  readonly key?: string | Buffer | undefined;
  /** What `key` is encrypted with. */
  readonly passphrase?: string | undefined;
}

/** The index template that the adapter puts in place. */
export interface ElasticsearchTemplate {
  /** Default: `secure-stack-mesh-` and the index. */
  readonly name?: string | undefined;
  /** Above 200, so that none of the server's own has its place. Default 300. */
  readonly priority?: number | undefined;
  /** Primary shards. Default 1; at most 1,024. */
  readonly shards?: number | undefined;
  /** Default: what the server takes (1). At most 100. */
  readonly replicas?: number | undefined;
}

/** Options of an {@link ElasticsearchAdapter}. */
export interface ElasticsearchAdapterOptions {
  /** Where Elasticsearch is: one URL or several nodes of one cluster. https, or http without credentials. Required, unless there is a `client`. */
  readonly node?: string | readonly string[] | undefined;
  /** Name of the index or data stream, as `mesh-audit` or `logs-mesh.audit-production`: lower case, no wildcards. */
  readonly index: string;
  readonly auth?: ElasticsearchAuth | undefined;
  readonly tls?: ElasticsearchTls | undefined;
  /** Whether `index` is a data stream. Default false. */
  readonly dataStream?: boolean | undefined;
  /** Whether the adapter puts an index template in place, and how. Default true. */
  readonly template?: boolean | ElasticsearchTemplate | undefined;
  /** Days after which Elasticsearch may delete events: whole, 1 to 36,500; with `dataStream` only. Default: never. */
  readonly retention?: number | undefined;
  /** A `Client` of `@elastic/elasticsearch` of your own, instead of `node`, `auth` and `tls`. Never closed by the adapter. */
  readonly client?: ElasticsearchClient | undefined;
  /** Gzips what is sent. Default true. */
  readonly compression?: boolean | undefined;
  /** How many bytes of events a request may have, before compression; a larger event has one for itself. Default 5,000,000; 1,000 to 100,000,000 (`http.max_content_length`). */
  readonly maxRequestBytes?: number | undefined;
  /** Default: the mesh's, else warnings to stderr. */
  readonly logger?: Logger | undefined;
  /** Default: the mesh's, else the machine's. */
  readonly clock?: Clock | undefined;
}

/** Credentials that print `[redacted]`. */
export type ElasticsearchCredentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: Credential }
  | { readonly kind: 'apiKey' | 'bearer'; readonly value: Credential };

/** Trust and identity of connections, as Node.js takes them. */
export interface ElasticsearchTlsSettings {
  readonly ca: string | Buffer | (string | Buffer)[] | undefined;
  /** 64 digits, upper case. */
  readonly fingerprint: string | undefined;
  readonly cert: string | Buffer | undefined;
  readonly key: Credential | undefined;
  readonly passphrase: Credential | undefined;
}

/** Options with their defaults. */
export interface ElasticsearchSettings {
  /** None with a client of the user's. */
  readonly nodes: readonly URL[];
  readonly index: string;
  readonly credentials: ElasticsearchCredentials | undefined;
  readonly tls: ElasticsearchTlsSettings | undefined;
  readonly dataStream: boolean;
  readonly template: { readonly name: string; readonly priority: number; readonly shards: number; readonly replicas: number | undefined } | undefined;
  readonly retentionDays: number | undefined;
  readonly client: ElasticsearchClient | undefined;
  readonly compression: boolean;
  readonly maxRequestBytes: number;
  readonly logger: Logger | undefined;
  readonly clock: Clock | undefined;
}

const NAMES: readonly (keyof ElasticsearchAdapterOptions)[] = [
  'node', 'index', 'auth', 'tls', 'dataStream', 'template', 'retention', 'client', 'compression', 'maxRequestBytes', 'logger', 'clock',
];
/** https://www.elastic.co/guide/en/elasticsearch/reference/8.19/indices-create-index.html#indices-create-api-path-params; ASCII only: what it is is to be seen. */
const INDEX = /^[a-z0-9][a-z0-9._-]{0,199}$/;
const TEMPLATE_NAME = /^[a-z0-9][a-z0-9._-]{0,249}$/;
const FINGERPRINT = /^[0-9a-f]{64}$/i;

/** @throws MeshError `invalid_option` that names every problem by its path, also in `details.problems` */
export function resolveElasticsearchOptions(options: ElasticsearchAdapterOptions): ElasticsearchSettings {
  const check = new OptionCheck();
  if (!check.isObject(options, NAMES)) check.throwIfAny();
  const { index, dataStream = false, client, compression = true, maxRequestBytes = 5_000_000, retention, logger, clock } = options;
  check.must('index', typeof index === 'string' && INDEX.test(index), 'the name of an index or data stream: lower case letters, digits, dots, underscores and hyphens, 200 at most');
  check.boolean('dataStream', dataStream);
  check.boolean('compression', compression);
  check.whole('maxRequestBytes', maxRequestBytes, 1_000, 100_000_000);
  check.whole('retention', retention, 1, 36_500);
  if (retention !== undefined && dataStream !== true) check.add('retention', 'needs dataStream: true: Elasticsearch deletes whole backing indices of a data stream, and has no lifecycle for a plain index');
  check.parts({ clock, logger });
  const hasClient = client !== undefined;
  if (hasClient && !isClient(client)) check.add('client', 'must be a Client of @elastic/elasticsearch');
  for (const name of ['node', 'auth', 'tls'] as const) if (hasClient && options[name] !== undefined) check.add(name, 'is the own client\'s affair: give either, not both');
  const credentials = hasClient ? undefined : credentialsOf(check, options.auth);
  const nodes = hasClient ? [] : nodesOf(check, options.node, options.auth !== undefined);
  const tls = hasClient ? undefined : tlsOf(check, options.tls, nodes);
  const template = templateOf(check, options.template, typeof index === 'string' ? index : '');
  check.throwIfAny();
  return Object.freeze({ nodes, index, credentials, tls, dataStream, template, retentionDays: retention, client, compression, maxRequestBytes, logger, clock });
}

function nodesOf(check: OptionCheck, node: unknown, credentials: boolean): readonly URL[] {
  const given: readonly unknown[] = Array.isArray(node) ? node : [node];
  if (given.length === 0 || given.length > 100) check.add('node', 'must be 1 to 100 URLs');
  return given.flatMap((each, at) => endpointOf(check, Array.isArray(node) ? `node[${at}]` : 'node', each, { credentials }) ?? []);
}

function credentialsOf(check: OptionCheck, auth: unknown): ElasticsearchCredentials | undefined {
  if (auth === undefined || !check.isObject(auth, ['username', 'password', 'apiKey', 'bearer'], 'auth')) return undefined;
  const forms = [['username', 'password'], ['apiKey'], ['bearer']].filter((names) => names.some((name) => name in auth));
  if (forms.length !== 1) {
    check.add('auth', 'must be { username, password }, { apiKey } or { bearer }');
    return undefined;
  }
  if ('apiKey' in auth || 'bearer' in auth) {
    const kind = 'apiKey' in auth ? 'apiKey' : 'bearer';
    const value = credentialOf(check, `auth.${kind}`, auth[kind]);
    return value === undefined ? undefined : { kind, value };
  }
  const { username } = auth;
  const fits = typeof username === 'string' && /^[^:\p{Cc}]+$/u.test(username);
  check.must('auth.username', fits, 'a text without colons');
  // Any text: base64 carries it.
  const { password: given } = auth;
  const password = typeof given === 'string' && given !== '' ? new Credential(given) : credentialOf(check, 'auth.password', given);
  return password === undefined || !fits ? undefined : { kind: 'basic', username, password };
}

function tlsOf(check: OptionCheck, tls: unknown, nodes: readonly URL[]): ElasticsearchTlsSettings | undefined {
  if (tls === undefined || !check.isObject(tls, ['ca', 'fingerprint', 'cert', 'key', 'passphrase'], 'tls')) return undefined;
  const { ca, fingerprint, cert, key, passphrase } = tls;
  const authorities: readonly unknown[] = Array.isArray(ca) ? ca : [ca];
  check.must('tls.ca', ca === undefined || (authorities.length > 0 && authorities.every(isPem)), 'certificates in PEM');
  check.must('tls.cert', cert === undefined || isPem(cert), 'a certificate in PEM');
  check.must('tls.key', key === undefined || isPem(key), 'a private key in PEM');
  check.must('tls.passphrase', passphrase === undefined || typeof passphrase === 'string', 'a text');
  const digits = typeof fingerprint === 'string' ? fingerprint.replaceAll(':', '') : '';
  check.must('tls.fingerprint', fingerprint === undefined || FINGERPRINT.test(digits), 'the SHA-256 of a certificate: 64 hex digits');
  if (ca !== undefined && fingerprint !== undefined) check.add('tls.fingerprint', 'stands instead of tls.ca: give either, not both');
  if ((cert === undefined) !== (key === undefined)) check.add('tls.cert', 'goes with tls.key: give both or none');
  if (nodes.some(({ protocol }) => protocol !== 'https:')) check.add('tls', 'is for https, and a node is http');
  return {
    ca: (Array.isArray(ca) ? [...authorities] : ca) as ElasticsearchTlsSettings['ca'],
    fingerprint: fingerprint === undefined ? undefined : digits.toUpperCase(),
    cert: cert as string | Buffer | undefined,
    key: isPem(key) ? new Credential(String(key)) : undefined,
    passphrase: typeof passphrase === 'string' ? new Credential(passphrase) : undefined,
  };
}

function templateOf(check: OptionCheck, template: unknown, index: string): ElasticsearchSettings['template'] {
  if (template === false) return undefined;
  const given = template === undefined || template === true ? {} : template;
  if (!check.isObject(given, ['name', 'priority', 'shards', 'replicas'], 'template')) return undefined;
  const { name = `secure-stack-mesh-${index}`, priority = 300, shards = 1, replicas } = given;
  // The default is as good as the index, of which it is said what is wrong.
  check.must('template.name', given['name'] === undefined || (typeof name === 'string' && TEMPLATE_NAME.test(name)), 'lower case letters, digits, dots, underscores and hyphens, 250 at most');
  check.whole('template.priority', priority, 201, 2_147_483_647);
  check.whole('template.shards', shards, 1, 1_024);
  check.whole('template.replicas', replicas, 0, 100);
  return { name: name as string, priority: priority as number, shards: shards as number, replicas: replicas as number | undefined };
}

const isPem = (value: unknown): value is string | Buffer => (typeof value === 'string' || Buffer.isBuffer(value)) && String(value).includes('-----BEGIN ');

const isClient = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof (value as { transport?: { request?: unknown } | null }).transport?.request === 'function';
