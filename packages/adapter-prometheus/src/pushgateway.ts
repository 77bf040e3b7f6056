import type { Clock } from '@lemur-bookstores/mesh-interface';
import { answerFailure, HttpSink, userAgentOf } from '@lemur-bookstores/mesh-sink';
import { VERSION } from './version.js';

/** Where metrics are pushed, and as whose. */
export interface PushTarget {
  readonly url: URL;
  readonly job: string;
  readonly instance: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** As much of an answer is read. */
const MAX_ANSWER_BYTES = 4_096;

/**
 * Puts a process' metrics in the place of those it pushed before (`PUT`), or takes them away (`DELETE`). A connection of its own: between pushes there is none.
 * @param body in the text format
 * @throws MeshError `adapter_failed`, `adapter_timeout`; `sink_unauthenticated`, `sink_refused`, `sink_too_large` where the Pushgateway says so
 */
export async function pushgateway(target: PushTarget, method: 'PUT' | 'DELETE', body = ''): Promise<void> {
  const { job, instance, timeoutMs, clock } = target;
  const noun = 'the Pushgateway';
  const url = new URL(target.url);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/metrics/job@base64/${encoded(job)}/instance@base64/${encoded(instance)}`;
  const userAgent = userAgentOf('adapter-prometheus', VERSION);
  const http = new HttpSink({ noun, userAgent, clock: () => clock, timeoutMs, maxAnswerBytes: MAX_ANSWER_BYTES });
  try {
    const answer = await http.send({ url, method, headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }, body });
    // The origin: a user and a password are not for the log.
    const failure = answerFailure(answer, `${noun} at ${url.origin}`, clock.now());
    if (failure !== undefined) throw failure;
  } finally {
    http.close();
  }
}

/** A name may have slashes. */
const encoded = (text: string): string => Buffer.from(text).toString('base64url');
