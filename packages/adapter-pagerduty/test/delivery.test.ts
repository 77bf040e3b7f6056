import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { AlertingAdapter } from '../src/alerting-adapter.js';
import { breakerClosed, breakerOpened, errorEvent, healthImpaired, keyOverdue, keyRotated } from './support/events.js';
import { CONTRACT_KEY } from './support/pager-duty.js';
import { paged } from './support/paged.js';

const BREAKER = 'mesh/production/orders/breakerOpen/payments';
const many = (count: number, make: (index: number) => MeshAuditEvent): MeshAuditEvent[] => Array.from({ length: count }, (_, index) => make(index));

describe('a sink that fails', () => {
  for (const fault of ['408', '429', '500', '503', 'reset-before', 'reset-after', 'reset-in-answer', 'garbage']) {
    test(`${fault}: once is tried again within the delivery, and is one incident with the right number`, async () => {
      const { pagerDuty, logInTime, advance } = await paged();
      pagerDuty.faults.failNext(fault);
      await logInTime(...many(7, () => errorEvent()));
      // A limit, as our own: no delivery waits for it.
      await advance(fault === '429' ? 5_000 : 0);
      expect(pagerDuty.events.open).toHaveLength(1);
      expect([...pagerDuty.events.alerts.values()]).toMatchObject([{ opened: 1, payload: { custom_details: { count: 7 } } }]);
    });

    test(`${fault}: three times in a row the delivery rejects retryably; its retry counts nothing twice`, async () => {
      const { pagerDuty, logInTime, advance } = await paged();
      pagerDuty.faults.failNext(fault, { count: 3 });
      const events = many(7, () => errorEvent());
      if (fault === '429') {
        await logInTime(errorEvent({}, 7));
        await advance(10_000);
      }
      await expect(logInTime(...events)).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true });
      expect(pagerDuty.requests).toBe(3);
      // No lane comes back before the time that it was told to wait.
      await advance(fault === '429' ? 5_000 : 0);
      await logInTime(...events);
      expect(pagerDuty.events.open).toHaveLength(1);
      expect([...pagerDuty.events.alerts.values()]).toMatchObject([{ opened: 1, payload: { custom_details: { count: fault === '429' ? 14 : 7 } } }]);
    });
  }

  test('slow answers are waited for', async () => {
    const { pagerDuty, log } = await paged();
    pagerDuty.faults.failNext('slow-body');
    await log(breakerOpened());
    expect(pagerDuty.events.open).toEqual([BREAKER]);
  });

  test('no call is made before the time that PagerDuty has asked for, by whomever; then the outbox makes it by itself', async () => {
    const { pagerDuty, log, advance } = await paged();
    pagerDuty.faults.failNext('429-retry-after', { retryAfter: 40 });
    await expect(log(breakerOpened())).rejects.toMatchObject({ retryAfterMs: 40_000 });
    await expect(log(breakerOpened('billing'))).rejects.toMatchObject({ retryable: true, retryAfterMs: 40_000 });
    await advance(39_999);
    expect(pagerDuty.requests).toBe(1);
    await advance(1);
    expect(pagerDuty.events.open).toHaveLength(2);
  });

  test('without another event it is tried with growing delays until it works; the log says so once, and when it is over', async () => {
    const { pagerDuty, logInTime, advance, lines } = await paged();
    pagerDuty.faults.failNext('503', { count: 6 });
    await expect(logInTime(breakerOpened())).rejects.toMatchObject({ retryable: true });
    expect(pagerDuty.requests).toBe(3);
    for (const [ms, requests] of [[1_000, 4], [2_000, 5], [4_000, 6], [8_000, 7]] as const) {
      await advance(ms);
      expect(pagerDuty.requests).toBe(requests);
    }
    expect(pagerDuty.events.open).toEqual([BREAKER]);
    expect(lines.map(({ level, message }) => `${level}: ${message}`)).toEqual(['warn: PagerDuty cannot be told of an incident; it is tried again', 'info: PagerDuty answers again']);
  });

  test('nobody listening, and an unknown host, are retryable; the text says where', async () => {
    const { pagerDuty, log, logInTime } = await paged();
    await pagerDuty.down();
    await expect(logInTime(breakerOpened())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true, message: expect.stringContaining(`PagerDuty at ${pagerDuty.url} cannot be reached`) });
    await pagerDuty.up();
    await log(breakerOpened());
    expect(pagerDuty.events.open).toEqual([BREAKER]);
    const nowhere = await paged({ url: 'https://no-such-host.invalid' });
    await expect(nowhere.logInTime(breakerOpened())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true });
  });

  test('over a sink that fails three times of ten every incident is told, and resolved', async () => {
    const { pagerDuty, logInTime, advance } = await paged();
    pagerDuty.faults.set(0.3, ['408', '429', '429-retry-after', '500', '503', 'reset-before', 'reset-after', 'reset-in-answer', 'garbage']);
    for (let index = 0; index < 40; index++) await logInTime(breakerOpened(`service-${index}`)).catch(() => undefined);
    for (let minute = 0; minute < 4; minute++) await advance(60_000);
    expect(pagerDuty.events.open).toHaveLength(40);
    for (let index = 0; index < 40; index++) await logInTime(breakerClosed(`service-${index}`)).catch(() => undefined);
    for (let minute = 0; minute < 10; minute++) await advance(60_000);
    expect(pagerDuty.events.open).toEqual([]);
    expect(pagerDuty.events.counts.throttled).toBe(0);
  });
});

describe('a sink that refuses for good', () => {
  test('an invalid key: sink_unauthenticated with PagerDuty\'s own words, and not the key', async () => {
    const { log, lines } = await paged({ integrationKey: 'deadbeefdeadbeefdeadbeefdeadbeef' });
    await expect(log(breakerOpened())).rejects.toMatchObject({ reason: 'sink_unauthenticated', retryable: false, message: expect.stringContaining('Invalid routing key') });
    expect(lines).toMatchObject([{ level: 'error', message: 'PagerDuty does not take an incident', fields: { key: BREAKER } }]);
    expect(JSON.stringify(lines)).not.toContain('deadbeef');
  });

  test.each(['{"you":"sent","routing_key":"x"}', '{"status":"invalid event","errors":["change events are not accepted on the routing key of a ruleset"]}', '{"errors":"routing_key"}', 'null'])(
    'a 400 that names the key for another reason is about the incident: %s',
    async (body) => {
      const server = createServer((request, response) => void request.resume().on('end', () => response.writeHead(400).end(body)));
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
      const { log } = await paged({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
      await expect(log(breakerOpened())).rejects.toMatchObject({ reason: 'sink_refused', retryable: false });
      server.close();
    },
  );

  test.each([['401', 'sink_unauthenticated'], ['403', 'sink_unauthenticated'], ['404', 'sink_not_found']])('%s is %s, and no fault of the incident: it is told as soon as that is mended', async (status, reason) => {
    const { pagerDuty, log, advance } = await paged();
    pagerDuty.faults.failNext(status, { count: Infinity });
    const event = breakerOpened();
    await expect(log(event)).rejects.toMatchObject({ reason, retryable: false });
    // A lane with a spill brings it again.
    await expect(log(event)).rejects.toMatchObject({ reason, retryable: false });
    const { requests } = pagerDuty;
    for (let minute = 0; minute < 60; minute++) await advance(60_000);
    expect(pagerDuty.requests - requests).toBeLessThan(70);
    pagerDuty.faults.clear();
    await advance(120_000);
    expect(pagerDuty.events.open).toEqual([BREAKER]);
    await log(event);
    expect([...pagerDuty.events.alerts.values()].map(({ triggers }) => triggers)).toEqual([1]);
  });

  test('the same events again, as when a lane halves a batch, make no further call: those of that incident reject, the others resolve', async () => {
    const { pagerDuty, log } = await paged();
    const [bad, good] = [breakerOpened('bad'), breakerOpened('good')];
    pagerDuty.faults.failNext('400');
    await expect(log(bad, good)).rejects.toMatchObject({ reason: 'sink_refused' });
    const { requests } = pagerDuty;
    await expect(log(bad)).rejects.toMatchObject({ reason: 'sink_refused' });
    await log(good);
    expect(pagerDuty.requests).toBe(requests);
  });

  test('it is tried again when its cause repeats: three times, then once in five minutes', async () => {
    const { pagerDuty, log, advance } = await paged();
    pagerDuty.faults.failNext('400', { count: Infinity });
    for (let index = 0; index < 50; index++) await expect(log(breakerOpened())).rejects.toMatchObject({ reason: 'sink_refused' });
    expect(pagerDuty.requests).toBe(3);
    await advance(299_999);
    expect(pagerDuty.requests).toBe(3);
    await advance(1);
    expect(pagerDuty.requests).toBe(4);
    pagerDuty.faults.clear();
    await advance(300_000);
    expect(pagerDuty.events.open).toEqual([BREAKER]);
    await log(breakerClosed());
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('413, which a proxy may say, is about the incident: it is tried again by time', async () => {
    const { pagerDuty, log, advance } = await paged();
    pagerDuty.faults.failNext('413');
    await expect(log(breakerOpened())).rejects.toMatchObject({ reason: 'sink_too_large', retryable: false });
    await log(breakerOpened('billing'));
    expect(pagerDuty.events.open).toEqual(['mesh/production/orders/breakerOpen/billing']);
    await advance(300_000);
    expect(pagerDuty.events.open).toContain(BREAKER);
  });

  test('what is said only once is told nevertheless, when the refusal is over: an overdue certificate, and the end of an incident', async () => {
    const { pagerDuty, log, advance } = await paged();
    pagerDuty.faults.failNext('403', { count: 2 });
    await expect(log(keyOverdue('certificate'))).rejects.toMatchObject({ reason: 'sink_unauthenticated' });
    await advance(600_000);
    const key = 'mesh/production/orders/rotationOverdue/certificate';
    expect(pagerDuty.events.open).toEqual([key]);
    pagerDuty.faults.failNext('403', { count: 4 });
    await expect(log(keyRotated('certificate'))).rejects.toMatchObject({ reason: 'sink_unauthenticated' });
    expect(pagerDuty.events.open).toEqual([key]);
    await advance(600_000);
    expect(pagerDuty.events.open).toEqual([]);
  });

  test('one that is over before it was taken is none any more', async () => {
    const { pagerDuty, log } = await paged();
    pagerDuty.faults.failNext('400');
    await expect(log(breakerOpened())).rejects.toMatchObject({ reason: 'sink_refused' });
    await log(breakerClosed());
    expect(pagerDuty.requests).toBe(1);
  });
});

describe('deliveries', () => {
  test('one that is aborted rejects with the reason, and ends the call that it waited for', async () => {
    const { pagerDuty, adapter, advance } = await paged();
    pagerDuty.faults.failNext('hang');
    const controller = new AbortController();
    const delivery = adapter.logEvents([breakerOpened()], { signal: controller.signal });
    delivery.catch(() => undefined);
    while (pagerDuty.requests === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error('too late'));
    await expect(delivery).rejects.toThrow('too late');
    await advance(1_000);
    expect(pagerDuty.events.open).toEqual([BREAKER]);
  });

  test('an abort says nothing about the incident, whatever its reason is: the call is made again', async () => {
    const { pagerDuty, adapter, advance } = await paged();
    pagerDuty.faults.failNext('hang');
    const controller = new AbortController();
    const delivery = adapter.logEvents([healthImpaired('unhealthy')], { signal: controller.signal });
    delivery.catch(() => undefined);
    while (pagerDuty.requests === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new MeshError('closed', 'the audit logger is closed', { retryable: false }));
    await expect(delivery).rejects.toMatchObject({ reason: 'closed' });
    await advance(1_000);
    expect(pagerDuty.events.open).toEqual(['mesh/production/orders/health']);
  });

  test('what is no event is refused before anything of its batch is counted', async () => {
    const { adapter, pagerDuty, log } = await paged();
    const event = errorEvent();
    for (const wrong of [undefined, {}, { ...event, targetServiceId: 7 }, { ...event, details: { ...event.details, error: new Error('x') } }, { ...event, timestamp: 1 }]) {
      await expect(adapter.logEvents([errorEvent(), wrong as never])).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false });
    }
    await log(...many(4, () => errorEvent()));
    expect(pagerDuty.requests).toBe(0);
  });

  test('names and metadata that objects have by themselves, and a server that repeats the key, do no harm', async () => {
    const { pagerDuty, log, lines } = await paged();
    const metadata = JSON.parse('{"__proto__":"p","constructor":"c","toString":"t","endpoint":"__proto__"}') as Record<string, unknown>;
    for (const name of ['__proto__', 'constructor', 'hasOwnProperty', '', '\u0000\u202e']) {
      const event = breakerOpened(name);
      await log({ ...event, serviceId: name, details: { ...event.details, metadata } });
    }
    expect(pagerDuty.events.open).toHaveLength(5);
    expect(pagerDuty.events.counts.invalid).toBe(0);
    expect(Object.prototype).not.toHaveProperty('endpoint');
    expect(lines).toEqual([]);
  });

  test('a server that answers with what it got: the key is in no error and in no line of the log', async () => {
    const echo = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => response.writeHead(400).end(Buffer.concat(chunks)));
    });
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const { log, lines } = await paged({ url: `http://127.0.0.1:${(echo.address() as AddressInfo).port}` });
    const failure = await log(breakerOpened()).catch((error: unknown) => error as MeshError);
    await new Promise((resolve) => echo.close(resolve));
    expect(failure).toMatchObject({ retryable: false, message: expect.stringContaining('[redacted]') });
    expect(inspect([failure, lines], { depth: 10 }) + JSON.stringify([failure, lines])).not.toContain(CONTRACT_KEY);
  });

  test('an event counts once while it is among the last 10,000', async () => {
    const { pagerDuty, log, advance } = await paged();
    const first = errorEvent();
    await log(first, ...many(9_999, () => errorEvent()));
    await log(first);
    await advance(300_000);
    expect(pagerDuty.events.counts.triggers).toBe(1);
    await log(errorEvent(), errorEvent(), errorEvent(), errorEvent());
    expect(pagerDuty.events.counts.triggers).toBe(1);
    await log(first);
    expect(pagerDuty.events.counts.triggers).toBe(2);
  });

  test('deliveries, alerts, flush() and close() at the same time: each settles, and everything is told', async () => {
    const { pagerDuty, adapter } = await paged();
    const alert = (index: number) => ({ id: `a${index}`, rule: 'r', severity: 'error' as const, dedupKey: `k${index}`, summary: 's', serviceId: 'orders', count: 1, event: errorEvent() });
    const all = many(40, (index) => breakerOpened(`service-${index}`)).map((event) => adapter.logEvents([event]));
    const notified = Array.from({ length: 40 }, (_, index) => adapter.notify(alert(index)));
    const outcomes = await Promise.allSettled([...all, ...notified, adapter.flush(), adapter.close(), adapter.close()]);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(pagerDuty.events.open).toHaveLength(80);
    await adapter.flush();
    await expect(adapter.notify(alert(0))).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false });
  });

  test('requests name the adapter, and go to the path below that of the url', async () => {
    const { pagerDuty, log } = await paged();
    await log(breakerOpened(), keyRotated('static'));
    expect(pagerDuty.log.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(['POST /v2/change/enqueue', 'POST /v2/enqueue', 'POST /v2/enqueue', 'POST /v2/enqueue']);
    expect(pagerDuty.log[0]?.headers['content-type']).toBe('application/json');
    // A kept connection may be found closed: a request that is repeated for it is one that no budget knows of.
    expect(pagerDuty.log[0]?.headers['connection']).toBe('close');
    expect(pagerDuty.log[0]?.headers['user-agent']).toMatch(/^secure-stack-mesh-adapter-pagerduty\/\d+\.\d+\.\d+ \(node v/);
    const below = await paged({ url: `${pagerDuty.url}/proxy/` }, pagerDuty);
    await expect(below.log(breakerOpened('billing'))).rejects.toMatchObject({ reason: 'sink_not_found' });
    expect(pagerDuty.log.at(-1)?.path).toBe('/proxy/v2/enqueue');
  });
});

describe('the end', () => {
  test('close() tells what is held back or waits for a retry, and leaves open what is', async () => {
    const { pagerDuty, adapter, log, lines } = await paged();
    await log(breakerOpened(), breakerClosed());
    await log(breakerOpened());
    await log(breakerClosed());
    expect(pagerDuty.events.open).toEqual([BREAKER]);
    await log(breakerOpened('billing'));
    await adapter.close();
    expect(pagerDuty.events.open).toEqual(['mesh/production/orders/breakerOpen/billing']);
    expect(lines).toMatchObject([{ level: 'info', message: '1 incident(s) are left open at PagerDuty', fields: { keys: ['mesh/production/orders/breakerOpen/billing'] } }]);
    await expect(log(breakerOpened())).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false });
  });

  test('close() waits for what PagerDuty asks, where that is short', async () => {
    const { pagerDuty, adapter, log, clock } = await paged();
    pagerDuty.faults.failNext('429-retry-after', { retryAfter: 1 });
    await log(breakerOpened());
    expect(pagerDuty.events.open).toEqual([]);
    const closing = adapter.close();
    for (let step = 0; step < 6; step++) await clock.advanceWithRequests(250);
    await closing;
    expect(pagerDuty.events.open).toEqual([BREAKER]);
  });

  test('what could not be told within five seconds is in the log, by number and key', async () => {
    const { pagerDuty, adapter, log, lines, clock } = await paged();
    await log(...many(130, (index) => breakerOpened(`service-${index}`)));
    pagerDuty.faults.failNext('hang');
    const closing = adapter.close();
    await clock.advance(5_000);
    await closing;
    const [line] = lines;
    expect(line).toMatchObject({ level: 'error', message: 'PagerDuty was not told of 10 incident(s) before the end' });
    expect(line?.fields?.['keys']).toHaveLength(10);
    expect(clock.pendingTimers).toBe(0);
  });

  test('what was refused counts as not told', async () => {
    const { pagerDuty, adapter, log, lines } = await paged();
    pagerDuty.faults.failNext('400');
    await expect(log(healthImpaired('unhealthy'))).rejects.toMatchObject({ reason: 'sink_refused' });
    await adapter.close();
    expect(lines.at(-1)).toMatchObject({ level: 'error', message: 'PagerDuty was not told of 1 incident(s) before the end', fields: { keys: ['mesh/production/orders/health'] } });
  });

  test('there is no timer while nothing is open or waits', async () => {
    const { clock, log } = await paged();
    await log(errorEvent());
    expect(clock.pendingTimers).toBe(0);
    await log(...many(5, () => errorEvent()));
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(300_000);
  });

  test('a process ends with the adapter open, and an incident that waits for a retry', () => {
    const child = spawnSync(process.execPath, [fileURLToPath(new URL('children/left-open.mjs', import.meta.url))], { encoding: 'utf8', timeout: 10_000 });
    expect(child).toMatchObject({ status: 0, stdout: 'adapter_failed\n', signal: null });
  });

  test('nothing that prints it shows the key', () => {
    const adapter = new AlertingAdapter({ integrationKey: CONTRACT_KEY });
    expect(JSON.stringify(adapter)).not.toContain(CONTRACT_KEY);
  });
});
