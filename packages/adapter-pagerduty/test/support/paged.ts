import { afterEach } from '@jest/globals';
import { FakeClock, type ClockTimer, type LogFields, type Logger, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { AlertingAdapter } from '../../src/alerting-adapter.js';
import type { AlertingAdapterOptions } from '../../src/alerting-options.js';
import { CONTRACT_KEY, pagerDutyServer, type PagerDutyServer } from './pager-duty.js';

/** An adapter on a clock that stands still, and what it talks to. */
export interface Paged {
  readonly clock: RequestClock;
  readonly pagerDuty: PagerDutyServer;
  readonly adapter: AlertingAdapter;
  readonly lines: { readonly level: string; readonly message: string; readonly fields: LogFields | undefined }[];
  readonly log: (...events: MeshAuditEvent[]) => Promise<void>;
  /** Moves the clock, and waits for the calls that brings. */
  readonly advance: (ms: number) => Promise<void>;
  /** The same as `log`, moving the clock until it settles. */
  readonly logInTime: (...events: MeshAuditEvent[]) => Promise<void>;
}

/** How long a request may take: by that its timer is known among the others. */
const REQUEST_MS = 10_000;
const STEP_MS = 250;
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

export async function paged(options: Partial<AlertingAdapterOptions> = {}, existing?: PagerDutyServer): Promise<Paged> {
  const clock = new RequestClock();
  const pagerDuty = existing ?? (await pagerDutyServer({ now: () => clock.monotonic() }));
  const lines: Paged['lines'] = [];
  const say = (level: string) => (message: string, fields?: LogFields): void => void lines.push({ level, message, fields });
  const logger: Logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  const adapter = new AlertingAdapter({ integrationKey: CONTRACT_KEY, url: pagerDuty.url, clock, logger, ...options });
  const signal = new AbortController().signal;
  ends.push(async () => {
    await pagerDuty.stop();
    const closing = adapter.close();
    // Nothing listens any more: it is over with the deadline.
    for (let round = 0; round < 25; round++) await clock.advance(250);
    await closing;
  });
  const log = (...events: MeshAuditEvent[]): Promise<void> => adapter.logEvents(events, { signal });
  const advance = (ms: number): Promise<void> => clock.advanceWithRequests(ms);
  const logInTime = async (...events: MeshAuditEvent[]): Promise<void> => {
    let isPending = true;
    const delivery = log(...events).finally(() => (isPending = false));
    delivery.catch(() => undefined);
    while (isPending) await clock.advanceWithRequests(STEP_MS);
    return delivery;
  };
  return { clock, pagerDuty, adapter, lines, log, advance, logInTime };
}

/** One that knows whether requests are under way: sockets are real, so the clock has to wait for them. */
class RequestClock extends FakeClock {
  readonly #requests = new Set<object>();

  override setTimeout(callback: () => void, delayMs: number): ClockTimer {
    if (delayMs !== REQUEST_MS) return super.setTimeout(callback, delayMs);
    const request = {};
    this.#requests.add(request);
    const timer = super.setTimeout(() => (this.#requests.delete(request), callback()), delayMs);
    return { cancel: () => (this.#requests.delete(request), timer.cancel()) };
  }

  /** Moves on in small steps, each after the answers to what the one before has sent. */
  async advanceWithRequests(ms: number): Promise<void> {
    for (let left = ms; ; left -= STEP_MS) {
      await this.advance(Math.max(0, Math.min(left, STEP_MS)));
      while (this.#requests.size > 0) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        await this.advance(0);
      }
      if (left <= STEP_MS) return;
    }
  }
}
