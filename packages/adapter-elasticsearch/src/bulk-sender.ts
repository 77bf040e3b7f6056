import { types } from 'node:util';
import { MeshError, type Clock, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { BatchOutcomes } from '@lemur-bookstores/mesh-sink';
import { BULK_FILTER, readBulkAnswer, type ItemOutcome } from './bulk-answer.js';
import { ecsDocument } from './ecs-document.js';
import { bulkFailure } from './elastic-failure.js';
import type { ElasticAnswer, ElasticConnection } from './elastic-connection.js';
import type { ElasticsearchSettings } from './elasticsearch-adapter-options.js';
import { StoredIds } from './stored-ids.js';

/** An event on its way: two lines of a bulk. */
interface Line {
  readonly id: string;
  readonly text: string;
}

/** A batch on its way. */
interface Delivery {
  /** What is neither stored nor refused yet. */
  readonly lines: Map<string, Line>;
  readonly stored: string[];
  /** Why the first one was refused for good. */
  refusal: MeshError | undefined;
  /** What was said of those that are refused for now. */
  said: string;
  /** How many further nodes may be tried. */
  nodesLeft: number;
}

/** Elasticsearch takes no longer ids, and refuses a whole bulk for one. */
const MAX_ID_BYTES = 512;
/** Rounds of what is refused for now; then the lane waits, and its waits are longer. */
const ROUNDS = 5;
const FIRST_WAIT_MS = 100;
/** Shorter than a delivery: of what waits in the server for a shard, an answer comes before nobody listens any more. Else it could be stored after it was looked for. */
const SERVER_TIMEOUT = '8s';

/** Sends batches of events so that each is stored once, and keeps what became of single events where their batch failed. */
export class BulkSender {
  readonly #connection: ElasticConnection;
  readonly #settings: ElasticsearchSettings;
  readonly #clock: () => Clock;
  readonly #outcomes = new BatchOutcomes();
  readonly #storedIds: StoredIds;

  constructor(connection: ElasticConnection, settings: ElasticsearchSettings, clock: () => Clock) {
    this.#connection = connection;
    this.#settings = settings;
    this.#clock = clock;
    this.#storedIds = new StoredIds(connection, settings);
  }

  /**
   * Resolves when all of them are stored.
   * @throws MeshError why they are not, for now or for good; the signal's reason
   */
  async send(events: readonly MeshAuditEvent[], signal: AbortSignal): Promise<void> {
    const delivery: Delivery = { lines: new Map(), stored: [], refusal: undefined, said: '', nodesLeft: this.#connection.nodes - 1 };
    for (const event of events) this.#add(event, delivery);
    try {
      const doubtful = this.#storedIds.doubtful(events.filter(({ id }) => delivery.lines.has(id)));
      this.#settle(await this.#storedIds.among(doubtful, signal), delivery);
      await this.#sendAll(delivery, signal);
      if (delivery.refusal !== undefined) throw delivery.refusal;
    } catch (error) {
      for (const id of delivery.stored) this.#outcomes.stored(id);
      // Alone it is halved no further, and its dead letter is written: brought again by hand, it is tried again.
      if (events.length === 1 && error === delivery.refusal) this.#outcomes.settle(events.map(({ id }) => id));
      throw error;
    }
    this.#outcomes.settle(events.map(({ id }) => id));
    this.#storedIds.settle(events);
  }

  /** There is an index that may have taken events, of an earlier process, too. */
  written(index: string): void {
    this.#storedIds.written(index);
  }

  #add(event: MeshAuditEvent, delivery: Delivery): void {
    const known = this.#outcomes.of(event.id);
    if (known === 'stored') return;
    if (known !== undefined) {
      delivery.refusal ??= known;
      return;
    }
    try {
      delivery.lines.set(event.id, lineOf(event));
    } catch (error) {
      this.#refuse(event.id, new MeshError('sink_refused', `the event has no form that Elasticsearch could take: ${MeshError.from(error).text}`, { retryable: false }), delivery);
    }
  }

  async #sendAll(delivery: Delivery, signal: AbortSignal): Promise<void> {
    for (let round = 0; delivery.lines.size > 0; round++) {
      if (round === ROUNDS) throw new MeshError('adapter_failed', `Elasticsearch refuses ${delivery.lines.size} events for now: ${delivery.said}`, { retryable: true });
      // Not all at the same moment, where many were refused.
      if (round > 0) await this.#wait(FIRST_WAIT_MS * 2 ** (round - 1) * (0.75 + Math.random() / 2), signal);
      const queue = inRequests([...delivery.lines.values()], this.#settings.maxRequestBytes);
      for (let lines = queue.shift(); lines !== undefined; lines = queue.shift()) queue.unshift(...(await this.#exchange(lines, delivery, signal)));
    }
  }

  /** @returns what has to be sent again at once */
  async #exchange(lines: readonly Line[], delivery: Delivery, signal: AbortSignal): Promise<(readonly Line[])[]> {
    const body = lines.map(({ text }) => text).join('');
    let answer: ElasticAnswer;
    try {
      answer = await this.#connection.send({
        method: 'POST',
        path: `/${this.#settings.index}/_bulk`,
        query: { filter_path: BULK_FILTER, timeout: SERVER_TIMEOUT },
        body,
        isLines: true,
        // Why an event is refused is told with the value, as a whole, up to twice.
        maxAnswerBytes: 1_048_576 + 4_096 * lines.length + 2 * Buffer.byteLength(body),
        signal,
      });
    } catch (error) {
      // No answer: it may have them.
      this.#storedIds.doubt(lines);
      if (signal.aborted || delivery.nodesLeft === 0) throw error;
      delivery.nodesLeft -= 1;
      this.#settle(await this.#storedIds.among(lines.map(({ id }) => id), signal), delivery);
      const left = lines.filter(({ id }) => delivery.lines.has(id));
      return left.length === 0 ? [] : [left];
    }
    if (answer.status === 413) return this.#halve(lines, delivery);
    const outcomes = this.#outcomesIn(answer, lines);
    for (const [at, outcome] of outcomes.entries()) this.#take(lines[at] as Line, outcome, delivery);
    // Last: some of them may be stored.
    for (const outcome of outcomes) {
      if (outcome.state === 'forbidden') throw new MeshError('sink_unauthenticated', `the credentials do not allow to write to ${this.#settings.index}: ${outcome.said}`, { retryable: false });
    }
    return [];
  }

  #outcomesIn(answer: ElasticAnswer, lines: readonly Line[]): readonly ItemOutcome[] {
    const failure = this.#connection.failureIn(answer, bulkFailure);
    // 4xx: before anything was done.
    if (failure !== undefined && answer.status < 500 && answer.status !== 408) throw failure;
    const bulk = failure === undefined && !answer.truncated ? readBulkAnswer(answer.text, lines.length, (said) => this.#connection.redact(said)) : undefined;
    if (bulk === undefined) {
      this.#storedIds.doubt(lines);
      throw failure ?? new MeshError('adapter_failed', `${answer.where} gave no readable answer to a bulk of ${lines.length} events: nobody knows what it stored`, { retryable: true });
    }
    if (bulk.index !== undefined) this.#storedIds.written(bulk.index);
    return bulk.outcomes;
  }

  #take({ id }: Line, outcome: ItemOutcome, delivery: Delivery): void {
    switch (outcome.state) {
      case 'stored':
        this.#settle([id], delivery);
        break;
      case 'refused':
        this.#refuse(id, outcome.error, delivery);
        break;
      case 'later':
        delivery.said = outcome.said;
        break;
      case 'forbidden':
        break;
    }
  }

  #halve(lines: readonly Line[], delivery: Delivery): (readonly Line[])[] {
    const [first] = lines as [Line, ...Line[]];
    if (lines.length > 1) return [lines.slice(0, lines.length >> 1), lines.slice(lines.length >> 1)];
    this.#refuse(first.id, new MeshError('sink_too_large', `Elasticsearch takes no request of ${Buffer.byteLength(first.text)} bytes`, { retryable: false }), delivery);
    return [];
  }

  #settle(ids: Iterable<string>, { lines, stored }: Delivery): void {
    for (const id of ids) if (lines.delete(id)) stored.push(id);
  }

  #refuse(id: string, error: MeshError, delivery: Delivery): void {
    delivery.lines.delete(id);
    delivery.refusal ??= error;
    this.#outcomes.refused(id, error);
  }

  /** @throws the signal's reason */
  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        if (signal.aborted) reject(signal.reason as Error);
        else resolve();
      };
      const timer = this.#clock().setTimeout(end, ms);
      signal.addEventListener('abort', end, { once: true });
    });
  }
}

/** `create` with the event's id: what is there already stays as it is, and data streams take nothing else. */
function lineOf(event: MeshAuditEvent): Line {
  const { id, timestamp } = event;
  if (typeof id !== 'string' || id === '' || Buffer.byteLength(id) > MAX_ID_BYTES) throw new TypeError(`its id must have 1 to ${MAX_ID_BYTES} bytes`);
  if (!types.isDate(timestamp) || Number.isNaN(timestamp.getTime())) throw new TypeError('its timestamp is no date');
  return { id, text: `{"create":{"_id":${JSON.stringify(id)}}}\n${JSON.stringify(ecsDocument(event))}\n` };
}

/** In requests of at most so many bytes; a larger event has one for itself. */
function inRequests(lines: readonly Line[], maxBytes: number): (readonly Line[])[] {
  let characters = 0;
  for (const { text } of lines) characters += text.length;
  // A character has 3 bytes at most: most batches are not looked at any closer.
  if (characters * 3 <= maxBytes) return [lines];
  const requests: Line[][] = [];
  let room = 0;
  for (const line of lines) {
    const bytes = Buffer.byteLength(line.text);
    if (bytes > room || requests.length === 0) {
      requests.push([]);
      room = maxBytes;
    }
    requests.at(-1)?.push(line);
    room -= bytes;
  }
  return requests;
}
