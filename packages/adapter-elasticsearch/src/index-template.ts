import type { ElasticsearchSettings } from './elasticsearch-adapter-options.js';

type Json = Readonly<Record<string, unknown>>;

/** Longest text that `query()` can look for. A term has at most 32,766 bytes; a character 3, or 4 for two. */
export const MAX_EXACT_CHARACTERS = 8_191;

/** Exact, also where it is long. */
const EXACT = { type: 'keyword', ignore_above: MAX_EXACT_CHARACTERS } as const;
const KEYWORD = { type: 'keyword', ignore_above: 1_024 } as const;
/** For people who search in words: no scores, so no norms. */
const TEXT = { type: 'text', norms: false } as const;
/** What is malformed is kept and not indexed: no event is refused for it. */
const LONG = { type: 'long', ignore_malformed: true } as const;
const DOUBLE = { type: 'double', ignore_malformed: true } as const;
const DATE = { type: 'date', ignore_malformed: true } as const;
const IP = { type: 'ip', ignore_malformed: true } as const;

const fields = (properties: Json): Json => ({ properties });
const END = fields({ address: KEYWORD, ip: IP, port: LONG });
const PEER = fields({ x509: fields({ alternative_names: KEYWORD }), not_after: DATE });

/** Of the documents that `ecsDocument` makes. What is not among these stays in `_source` and makes no field. */
export const MAPPINGS: Json = {
  dynamic: 'false',
  date_detection: false,
  properties: {
    // Of data streams it must be a date: one without is refused.
    '@timestamp': { type: 'date' },
    ecs: fields({ version: KEYWORD }),
    message: TEXT,
    log: fields({ level: KEYWORD }),
    event: fields({
      kind: KEYWORD, category: KEYWORD, type: KEYWORD, action: EXACT, outcome: KEYWORD, id: KEYWORD, sequence: LONG, code: KEYWORD, reason: KEYWORD, duration: LONG,
      dataset: KEYWORD, module: KEYWORD, provider: KEYWORD,
    }),
    service: fields({ name: EXACT, origin: fields({ name: EXACT }), target: fields({ name: EXACT }) }),
    error: fields({ message: TEXT, code: KEYWORD }),
    trace: fields({ id: KEYWORD }),
    span: fields({ id: KEYWORD }),
    network: fields({ direction: KEYWORD, transport: KEYWORD, protocol: KEYWORD }),
    source: END,
    client: END,
    destination: END,
    server: END,
    tls: fields({ cipher: KEYWORD, established: { type: 'boolean' }, client: PEER, server: PEER }),
    related: fields({ ip: IP, hosts: KEYWORD, hash: KEYWORD }),
    mesh: fields({
      event_type: KEYWORD,
      target_service_id: EXACT,
      success: { type: 'boolean' },
      duration_ms: DOUBLE,
      message_count: DOUBLE,
      // Of its depth_limit, 20, the server says nothing when it is read back.
      metadata: { type: 'flattened', ignore_above: MAX_EXACT_CHARACTERS },
    }),
  },
};

/** Body of `PUT _index_template`. Pure. */
export function indexTemplate({ index, dataStream, template, retentionDays }: ElasticsearchSettings): Json {
  return {
    index_patterns: [index],
    ...(dataStream ? { data_stream: {} } : {}),
    priority: template?.priority,
    _meta: { managed_by: 'secure-stack-mesh' },
    template: {
      settings: {
        index: {
          // Documents come back as they were sent: from 9.0 on the default for logs-*-* puts them together from their fields.
          mode: 'standard',
          // What is acknowledged is on disk.
          translog: { durability: 'request' },
          number_of_shards: template?.shards,
          ...(template?.replicas === undefined ? {} : { number_of_replicas: template.replicas }),
        },
      },
      mappings: MAPPINGS,
      ...(retentionDays === undefined ? {} : { lifecycle: { data_retention: `${retentionDays}d` } }),
    },
  };
}

/**
 * Where something that Elasticsearch holds is not as asked: `path: value, and not value`. The server gives numbers and booleans as text, and more than was asked. Pure.
 * @param held as read back; anything
 */
export function differences(asked: unknown, held: unknown, path = ''): string[] {
  if (asked === undefined) return [];
  if (typeof asked === 'object' && asked !== null && !Array.isArray(asked)) {
    if (typeof held !== 'object' || held === null) return [`${path} is missing`];
    return Object.entries(asked).flatMap(([name, value]) => differences(value, (held as Json)[name], path === '' ? name : `${path}.${name}`));
  }
  const plain = (value: unknown): string => JSON.stringify(Array.isArray(value) ? value.map(String) : String(value));
  if (held === undefined) return [`${path} is missing`];
  return plain(asked) === plain(held) ? [] : [`${path} is ${plain(held).slice(0, 100)}, not ${plain(asked)}`];
}
