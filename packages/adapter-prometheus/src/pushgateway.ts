import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { MeshError, type Clock } from '@lemur-bookstores/mesh-interface';

/** Where metrics are pushed, and as whose. */
export interface PushTarget {
  readonly url: URL;
  readonly job: string;
  readonly instance: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** What a Pushgateway says to a request that it refuses is read up to here. */
const MAX_ANSWER_CHARACTERS = 500;

/**
 * Puts a process' metrics in the place of those it pushed before (`PUT`), or takes them away (`DELETE`). A connection of its own, which keeps no process alive.
 * @param body in the text format
 * @throws MeshError `adapter_failed`, `adapter_timeout`
 */
export function pushgateway(target: PushTarget, method: 'PUT' | 'DELETE', body = ''): Promise<void> {
  const { job, instance, timeoutMs, clock } = target;
  // The user and the password are not for the log.
  const where = `the Pushgateway at ${target.url.origin}`;
  const url = new URL(target.url);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/metrics/job@base64/${encoded(job)}/instance@base64/${encoded(instance)}`;
  return new Promise<void>((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'content-length': Buffer.byteLength(body) };
    const request = send(url, { method, headers, agent: false }, (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (answer = (answer + text).slice(0, MAX_ANSWER_CHARACTERS)));
      response.on('error', failed);
      response.on('end', () => {
        timer.cancel();
        const { statusCode = 0 } = response;
        if (statusCode >= 200 && statusCode < 300) resolve();
        else reject(new MeshError('adapter_failed', `${where} answered ${statusCode}: ${answer.trim()}`, { retryable: statusCode >= 500 }));
      });
    });
    const failed = (cause: Error): void => {
      timer.cancel();
      reject(MeshError.is(cause) ? cause : new MeshError('adapter_failed', `${where}: ${cause.message}`, { cause, retryable: true }));
    };
    const timer = clock.setTimeout(() => request.destroy(new MeshError('adapter_timeout', `${where} did not answer within ${timeoutMs} ms`, { retryable: true })), timeoutMs);
    request.on('socket', (socket) => void socket.unref());
    request.on('error', failed);
    request.end(body);
  });
}

/** A name may have slashes. */
const encoded = (text: string): string => Buffer.from(text).toString('base64url');
