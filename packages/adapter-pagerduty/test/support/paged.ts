import { afterEach } from '@jest/globals';
import { FakeClock, type LogFields, type Logger, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { AlertingAdapter } from '../../src/alerting-adapter.js';
import type { AlertingAdapterOptions } from '../../src/alerting-options.js';
import { CONTRACT_KEY, pagerDutyServer, type PagerDutyServer } from './pager-duty.js';

/** An adapter on a clock that stands still, and what it talks to. */
export interface Paged {
  readonly clock: FakeClock;
  readonly pagerDuty: PagerDutyServer;
  readonly adapter: AlertingAdapter;
  readonly lines: { readonly level: string; readonly message: string; readonly fields: LogFields | undefined }[];
  readonly log: (...events: MeshAuditEvent[]) => Promise<void>;
  /** Moves the clock, and waits for the calls that brings. */
  readonly advance: (ms: number) => Promise<void>;
}

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

export async function paged(options: Partial<AlertingAdapterOptions> = {}, existing?: PagerDutyServer): Promise<Paged> {
  const clock = new FakeClock();
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
  const advance = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    await quiet(pagerDuty, clock);
  };
  return { clock, pagerDuty, adapter, lines, log, advance };
}

/** Until no request has come or been answered for some turns: real sockets, a clock that stands still. */
async function quiet(pagerDuty: PagerDutyServer, clock: FakeClock): Promise<void> {
  let last = -1;
  for (let still = 0; still < 40; still++) {
    if (pagerDuty.requests !== last) still = 0;
    last = pagerDuty.requests;
    await new Promise((resolve) => setTimeout(resolve, 1));
    await clock.advance(0);
  }
}
