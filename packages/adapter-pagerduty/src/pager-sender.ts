import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { hostname } from 'node:os';
import { escapeControls, MeshError, type Clock } from '@lemur-bookstores/mesh-interface';
import { answerFailure, HttpSink, jsonIn, userAgentOf, type Credential } from '@lemur-bookstores/mesh-sink';
import type { ChangeNote } from './change-note.js';
import type { Incident } from './incident.js';
import { changeRequest, resolveRequest, triggerRequest, type PayloadContext } from './pager-payload.js';
import type { TellerCall } from './teller.js';
import { VERSION } from './version.js';

/** What PagerDuty can be told of. */
export type Told = Incident | ChangeNote;

/** Options of a {@link PagerSender}. */
export interface PagerSenderOptions {
  readonly key: Credential;
  readonly url: URL;
  readonly environment: string;
  readonly instance: string | undefined;
  readonly agent: HttpAgent | undefined;
  readonly ca: string | readonly string[] | undefined;
  readonly clock: () => Clock;
}

const TAKEN = 202;
/** For a 429 that does not say how long: some of the sliding window is over then. What follows at once makes the delay grow. */
const THROTTLED_MS = 5_000;

/** Not every error that names the key: a change event may not be sent to each one. */
const WRONG_KEY = /^(invalid routing.?key|length of 'routing_key'|'routing_key' is )/i;
const SHOWN_CHARACTERS = 300;

/** Makes the calls to the Events API v2. */
export class PagerSender {
  readonly #options: PagerSenderOptions;
  readonly #context: PayloadContext;
  readonly #sink: HttpSink;

  constructor(options: PagerSenderOptions) {
    const { key, url, environment, instance, ca, clock } = options;
    // A connection for each call: used again it may be found closed, and a request that is repeated for it would be one more than the budget knows of.
    const agent = options.agent ?? new (url.protocol === 'https:' ? HttpsAgent : HttpAgent)({ keepAlive: false });
    this.#options = options;
    this.#context = { environment, instance, source: hostname() };
    this.#sink = new HttpSink({ noun: 'PagerDuty', userAgent: userAgentOf('adapter-pagerduty', VERSION), clock, agent, ca, secrets: [key] });
  }

  /** @throws MeshError `adapter_failed`, `adapter_timeout`, `sink_refused`, `sink_unauthenticated`, `sink_too_large`; the signal's reason */
  async send(teller: Told, call: TellerCall, signal: AbortSignal): Promise<void> {
    const { key, url, clock } = this.#options;
    const request = teller.type === 'change' ? changeRequest(teller, this.#context) : call === 'resolve' ? resolveRequest(teller.key) : triggerRequest(teller, this.#context);
    const path = `${url.pathname.replace(/\/$/, '')}${teller.type === 'change' ? '/v2/change/enqueue' : '/v2/enqueue'}`;
    const body = JSON.stringify({ routing_key: key.reveal(), ...request });
    const answer = await this.#sink.send({ url: new URL(path, url), headers: { 'content-type': 'application/json' }, body, signal });
    const where = `PagerDuty at ${url.origin}`;
    const failure = answerFailure(answer, where, clock().now());
    if (answer.status === 429 && failure?.retryAfterMs === undefined) throw new MeshError('adapter_failed', failure?.text ?? where, { retryable: true, retryAfterMs: THROTTLED_MS });
    if (answer.status === 400 && isAboutKey(answer.text)) throw new MeshError('sink_unauthenticated', `${where} does not know the integration key: ${escapeControls(answer.text.slice(0, SHOWN_CHARACTERS))}`, { retryable: false });
    if (failure !== undefined) throw failure;
    if (answer.status !== TAKEN) throw new MeshError('adapter_failed', `${where} answered ${answer.status} instead of ${TAKEN}: something else answers there`, { retryable: true });
  }

  close(): void {
    this.#sink.close();
  }
}

/** It has no 401: a key that it does not know is an invalid event. Its own list of errors counts, not what it may repeat of ours. */
function isAboutKey(text: string): boolean {
  const errors = jsonIn(text)?.['errors'];
  return Array.isArray(errors) && errors.some((error) => typeof error === 'string' && WRONG_KEY.test(error));
}
