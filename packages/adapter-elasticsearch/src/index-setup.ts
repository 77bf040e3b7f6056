import { escapeControls, MeshError, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import { isPlaintextElsewhere, jsonIn } from '@lemur-bookstores/mesh-sink';
import type { ElasticAnswer, ElasticConnection, ElasticRequest } from './elastic-connection.js';
import type { ElasticsearchSettings } from './elasticsearch-adapter-options.js';
import { differences, indexTemplate, MAPPINGS } from './index-template.js';

type Json = Readonly<Record<string, unknown>>;

const MAX_ANSWER_BYTES = 4_194_304;
const TIMEOUT_MS = 8_000;
const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/**
 * Puts the template, and the lifecycle of a data stream, in place before the first events: where that is allowed. What is in force then is read back, and what is not as asked is said
 * once. Only what stands in the way of events as well (no connection, wrong credentials) is an error.
 */
export class IndexSetup {
  readonly #connection: ElasticConnection;
  readonly #settings: ElasticsearchSettings;
  readonly #clock: () => Clock;
  readonly #logger: () => Logger;
  readonly #onBacking: (index: string) => void;
  readonly #said = new Set<string>();
  #running: Promise<void> | undefined;
  /** Steps that are behind: one that fails does not make those before it be taken again. */
  #taken = 0;

  /** @param onBacking is told what there is already, under the name of the index or another */
  constructor(connection: ElasticConnection, settings: ElasticsearchSettings, clock: () => Clock, logger: () => Logger, onBacking: (index: string) => void) {
    this.#connection = connection;
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = logger;
    this.#onBacking = onBacking;
  }

  /** Resolves once everything is in place, or cannot be. @throws MeshError retryable, `sink_unauthenticated`; the signal's reason. The next call tries again */
  async done(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#running ??= this.#run().catch((error: unknown) => {
      this.#running = undefined;
      throw error;
    });
    await orAborted(this.#running, signal);
  }

  /** With a deadline of its own: several deliveries may wait for it. */
  async #run(): Promise<void> {
    const controller = new AbortController();
    const timer = this.#clock().setTimeout(() => controller.abort(new MeshError('adapter_timeout', `Elasticsearch did not answer within ${TIMEOUT_MS} ms`, { retryable: true })), TIMEOUT_MS);
    const ask = async (method: ElasticRequest['method'], path: string, body?: Json): Promise<ElasticAnswer> => {
      const answer = await this.#connection.ask({ method, path, body: body === undefined ? undefined : JSON.stringify(body), maxAnswerBytes: MAX_ANSWER_BYTES, signal: controller.signal });
      const failure = this.#connection.failureIn(answer);
      // 403 is for the caller: events may be allowed where templates are not.
      if (failure !== undefined && (failure.retryable || answer.status === 401 || answer.status < 400)) throw failure;
      return { ...answer, text: this.#connection.redact(answer.text) };
    };
    try {
      const plaintext = this.#settings.nodes.find(isPlaintextElsewhere);
      if (plaintext !== undefined) this.#warn(`events go to Elasticsearch at ${plaintext.origin} in the clear: use https`);
      const steps = [() => this.#template(ask), () => this.#dataStream(ask), () => this.#existing(ask), () => this.#lifecycle(ask), () => this.#policy(ask)];
      for (; this.#taken < steps.length; this.#taken++) await steps[this.#taken]?.();
    } finally {
      timer.cancel();
    }
  }

  async #template(ask: Ask): Promise<void> {
    const { template } = this.#settings;
    if (template === undefined) return;
    const path = `/_index_template/${template.name}`;
    const asked = indexTemplate(this.#settings);
    const held = async (): Promise<string[] | ElasticAnswer> => {
      const answer = await ask('GET', path);
      if (answer.status !== 200) return answer;
      const [first] = listIn(answer.text, 'index_templates');
      return differences(asked, (first as Json | undefined)?.['index_template']);
    };
    const before = await held();
    // Each process start would make the cluster publish its state anew.
    if (Array.isArray(before) && before.length === 0) return;
    const put = await ask('PUT', path, asked);
    if (put.status !== 200) {
      this.#warn(`the index template ${template.name} could not be put in place (${said(put)}): put it there yourself, or set template: false. Without it fields get types by guess`);
      return;
    }
    const after = await held();
    if (!Array.isArray(after)) this.#warn(`the index template ${template.name} could not be read back (${said(after)})`);
    else if (after.length > 0) this.#warn(`the index template ${template.name} is not as it was put: ${listed(after)}`);
  }

  /** Else the first event makes it, which is the same; but then its lifecycle could not be read yet. */
  async #dataStream(ask: Ask): Promise<void> {
    const { index, dataStream, retentionDays, template } = this.#settings;
    if (!dataStream || retentionDays === undefined || template === undefined) return;
    await ask('PUT', `/_data_stream/${index}`);
  }

  /** What is there keeps its mapping, whatever the template says. */
  async #existing(ask: Ask): Promise<void> {
    const { index, dataStream } = this.#settings;
    const answer = await ask('GET', `/${index}/_mapping`);
    // Not there yet, or not to be read.
    if (answer.status !== 200) return;
    const names = Object.keys(saidIn(answer.text));
    const latest = names.sort().at(-1);
    if (latest === undefined) return;
    // An alias, or a data stream: ids are unique in each of its indices alone.
    this.#onBacking(latest);
    if (dataStream && latest === index) this.#warn(`${index} is an index, and no data stream: remove it, or give another name`);
    if (!dataStream && latest.startsWith('.ds-')) this.#warn(`${index} is a data stream: set dataStream: true, so that no event is stored twice around a rollover`);
    const wrong = differences(MAPPINGS, (saidIn(answer.text)[latest] as Json | undefined)?.['mappings']);
    if (wrong.length > 0) this.#warn(`${latest} has another mapping, which stays until ${dataStream ? 'the next rollover' : 'it is made anew'}; queries may miss events: ${listed(wrong)}`);
    const settings = await ask('GET', `/${index}/_settings/index.translog.durability?flat_settings=true`);
    const isAsync = settings.status === 200 && Object.values(saidIn(settings.text)).some((each) => (each as { settings?: Json } | null)?.settings?.['index.translog.durability'] === 'async');
    if (isAsync) this.#warn(`${index} has index.translog.durability: async: a loss of power may take events that were acknowledged`);
  }

  /** The template's is for data streams that are made from here on; and the cluster may have a shorter maximum. */
  async #lifecycle(ask: Ask): Promise<void> {
    const days = this.#settings.retentionDays;
    if (days === undefined) return;
    const path = `/_data_stream/${this.#settings.index}/_lifecycle`;
    const asked = `${days}d`;
    const held = async (): Promise<Json | undefined> => {
      const answer = await ask('GET', path);
      if (answer.status !== 200) {
        this.#warn(`whether events are deleted after ${days} days cannot be read (${said(answer)})`);
        return undefined;
      }
      const [stream] = listIn(answer.text, 'data_streams');
      return ((stream as Json | undefined)?.['lifecycle'] ?? {}) as Json;
    };
    let lifecycle = await held();
    if (lifecycle === undefined) return;
    if (msOf(lifecycle['data_retention']) !== days * 86_400_000) {
      const put = await ask('PUT', path, { data_retention: asked });
      if (put.status !== 200) this.#warn(`the retention of ${days} days could not be set (${said(put)})`);
      lifecycle = await held();
      if (lifecycle === undefined) return;
    }
    const effective = lifecycle['effective_retention'] ?? lifecycle['data_retention'];
    const by = lifecycle['retention_determined_by'];
    if (lifecycle['enabled'] === false) this.#warn(`the lifecycle of ${this.#settings.index} is switched off: nothing is deleted`);
    else if (msOf(effective) !== days * 86_400_000) {
      this.#warn(`events are kept for ${typeof effective === 'string' ? effective : 'ever'}, not ${asked}${typeof by === 'string' ? ` (${by})` : ''}: the cluster decides`);
    }
  }

  /** A policy of index lifecycle management, of a template that the adapter has not put, goes before the data stream's own lifecycle. */
  async #policy(ask: Ask): Promise<void> {
    const { index, retentionDays: days } = this.#settings;
    if (days === undefined) return;
    const answer = await ask('GET', `/_data_stream/${index}?filter_path=data_streams.next_generation_managed_by,data_streams.ilm_policy`);
    if (answer.status !== 200) return;
    const [stream] = listIn(answer.text, 'data_streams');
    const { next_generation_managed_by: by, ilm_policy: policy } = (stream ?? {}) as Json;
    if (by === 'Index Lifecycle Management') this.#warn(`${index} is managed by the ILM policy ${String(policy)}, and not by its own lifecycle: the retention of ${days} days has no effect`);
  }

  #warn(message: string): void {
    if (this.#said.has(message)) return;
    this.#said.add(message);
    this.#logger().warn(message, { adapter: 'elasticsearch', index: this.#settings.index });
  }
}

type Ask = (method: ElasticRequest['method'], path: string, body?: Json) => Promise<ElasticAnswer>;

const listed = (wrong: readonly string[]): string => `${wrong.slice(0, 5).join('; ')}${wrong.length > 5 ? `; and ${wrong.length - 5} more` : ''}`;

const said = ({ status, text }: ElasticAnswer): string => {
  const { error } = saidIn(text);
  const reason = typeof error === 'string' ? error : (error as { readonly reason?: unknown } | undefined)?.reason;
  return `${status}${typeof reason === 'string' ? `: ${escapeControls(reason.slice(0, 200))}` : ''}`;
};

/** What cannot be read says nothing. */
const saidIn = (text: string): Json => jsonIn(text) ?? {};

function listIn(text: string, name: string): readonly unknown[] {
  const list = saidIn(text)[name];
  return Array.isArray(list) ? (list as unknown[]) : [];
}

/** A time as Elasticsearch writes it: `30d`. */
function msOf(time: unknown): number | undefined {
  const parts = /^(\d+)(d|h|m|s|ms)$/.exec(String(time));
  return parts === null ? undefined : Number(parts[1]) * (UNIT_MS[parts[2] as string] as number);
}

/** @throws the signal's reason, as soon as it is aborted */
function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
