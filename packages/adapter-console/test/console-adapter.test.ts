import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import winston from 'winston';
import { ConsoleAdapter, type ConsoleAdapterOptions } from '../src/console-adapter.js';
import { Capture, eventOf, INJECTIONS, RAW_CONTROLS, turn } from './support.js';

const adapters: ConsoleAdapter[] = [];
function consoleTo(stream: Capture, options: ConsoleAdapterOptions = {}): ConsoleAdapter {
  const adapter = new ConsoleAdapter({ stream, ...options });
  adapters.push(adapter);
  return adapter;
}
afterEach(async () => {
  await Promise.all(adapters.splice(0).map((adapter) => adapter.close()));
});

const everyKind: readonly MeshAuditEvent[] = [
  eventOf('message', { action: 'message.sent', success: true }),
  eventOf('message', { action: 'message.failed', success: false }),
  eventOf('connection', { action: 'auth.succeeded', success: true }),
  eventOf('connection', { action: 'auth.failed', success: false }),
  eventOf('error', { action: 'handler.failed', success: false }),
];

describe('levels', () => {
  test.each([
    [undefined, ['auth.succeeded', 'auth.failed', 'handler.failed']],
    ['debug', ['message.sent', 'message.failed', 'auth.succeeded', 'auth.failed', 'handler.failed']],
    ['info', ['auth.succeeded', 'auth.failed', 'handler.failed']],
    ['warn', ['auth.failed', 'handler.failed']],
    ['error', ['handler.failed']],
  ] as const)('level %s shows %j', async (level, actions) => {
    const stream = new Capture();
    const adapter = consoleTo(stream, { level, format: 'json' });
    for (const event of everyKind) await adapter.logEvent(event);
    expect(stream.lines.map((line) => (JSON.parse(line) as MeshAuditEvent).details.action)).toEqual(actions);
    expect(everyKind.filter((event) => adapter.accepts(event)).map(({ details }) => details.action)).toEqual(actions);
  });
});

describe('lines', () => {
  test('pretty: time, level, who, what, how long, why, more', async () => {
    const stream = new Capture();
    const adapter = consoleTo(stream, { level: 'debug' });
    await adapter.logEvent(eventOf('connection', { error: 'peer_untrusted: not ours', duration: 12.345, metadata: { method: 'charge', attempt: 2 } }, { targetServiceId: 'payment-service' }));
    await adapter.logEvent(eventOf('message', { action: 'message.sent', success: true, messageCount: 3 }));
    expect(stream.lines).toEqual([
      '2026-01-01T00:00:00.000Z  WARN   order-service → payment-service   auth.failed FAILED    12.3 ms  "peer_untrusted: not ours"  {"method":"charge","attempt":2}',
      '2026-01-01T00:00:00.000Z  DEBUG  order-service                     message.sent          3 messages',
    ]);
  });

  test('pretty: columns stand below each other, and nothing stands behind the last text', async () => {
    const stream = new Capture();
    const adapter = consoleTo(stream, { level: 'debug' });
    await adapter.logEvent(eventOf('system', { action: 'system.start', success: true }));
    await adapter.logEvent(eventOf('connection', { action: 'connection.open', success: true, duration: 3 }, { targetServiceId: 'payment-service' }));
    await adapter.logEvent(eventOf('connection', { action: 'connection.refused', success: false, messageCount: 12 }, { targetServiceId: `${'long-name-'.repeat(4)}service` }));
    expect(stream.lines).toEqual([
      '2026-01-01T00:00:00.000Z  INFO   order-service                     system.start',
      '2026-01-01T00:00:00.000Z  INFO   order-service → payment-service   connection.open       3.0 ms',
      `2026-01-01T00:00:00.000Z  WARN   order-service → ${'long-name-'.repeat(4)}service  connection.refused FAILED  12 times`,
    ]);
  });

  test('pretty: what the trail says of itself, in words; where it is not what it should be, as it is', async () => {
    const stream = new Capture();
    const adapter = consoleTo(stream, { level: 'debug' });
    await adapter.logEvent(eventOf('system', { action: 'audit.gap', success: false, error: 'queue_full: too slow', metadata: { count: 17, fromSequence: 5_021, toSequence: 5_037 } }));
    await adapter.logEvent(eventOf('system', { action: 'audit.sampled', success: true, metadata: { count: 120, fromSequence: 3, toSequence: 200, rate: 0.1 } }));
    const checkpoint = { origin: 'secure-stack-mesh/payments/9f86d081', size: 3, root: 'qaaKqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=', note: 'secure-stack-mesh/payments/9f86d081\n3\n…' };
    await adapter.logEvent(eventOf('system', { action: 'audit.checkpoint', success: true, metadata: checkpoint }));
    await adapter.logEvent(eventOf('system', { action: 'audit.checkpoint', success: true, metadata: { ...checkpoint, origin: 'a  b' } }));
    await adapter.logEvent(eventOf('system', { action: 'audit.gap', success: false, metadata: { count: '1\u001b[2J' } }));
    await adapter.logEvent(eventOf('message', { action: 'audit.gap', success: false, metadata: { count: 1, fromSequence: 1, toSequence: 1 } }));
    expect(stream.lines.map((line) => line.slice(26))).toEqual([
      'WARN   order-service                     audit.gap             17 events are missing, of 5021 to 5037  "queue_full: too slow"',
      'INFO   order-service                     audit.sampled         120 messages left out, of 3 to 200, rate 0.1',
      'DEBUG  order-service                     audit.checkpoint      secure-stack-mesh/payments/9f86d081  3 records  root qaaKqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=',
      expect.stringMatching(/^DEBUG {2}order-service {21}audit\.checkpoint {6}\{"origin":"a {2}b",/),
      'WARN   order-service                     audit.gap FAILED      {"count":"1\\u001b[2J"}',
      'DEBUG  order-service                     audit.gap FAILED      {"count":1,"fromSequence":1,"toSequence":1}',
    ]);
  });

  test('checkpoints are for whatever collects lines: shown at info in json, whole, and at debug for a person', async () => {
    const checkpoint = eventOf('system', { action: 'audit.checkpoint', success: true, metadata: { origin: 'o', size: 1, root: 'r', note: 'o\n1\nr\n' } });
    const [json, pretty] = [new Capture(), new Capture()];
    const [collected, shown] = [consoleTo(json, { format: 'json' }), consoleTo(pretty)];
    expect([collected.accepts(checkpoint), shown.accepts(checkpoint)]).toEqual([true, false]);
    await collected.logEvent(checkpoint);
    await shown.logEvent(checkpoint);
    expect(JSON.parse(json.text)).toMatchObject({ level: 'info', details: { metadata: { note: 'o\n1\nr\n' } } });
    expect(pretty.text).toBe('');
  });

  test('json: the whole event, level first', async () => {
    const stream = new Capture();
    const event = eventOf('error', { metadata: { list: [1, { a: 'b' }] } }, { trace: { traceId: 'a', spanId: 'b' } });
    await consoleTo(stream, { format: 'json' }).logEvent(event);
    expect(stream.text.startsWith('{"level":"error","id":')).toBe(true);
    expect(JSON.parse(stream.text)).toEqual({ level: 'error', ...event, timestamp: '2026-01-01T00:00:00.000Z' });
  });

  test('stay in order', async () => {
    const stream = new Capture();
    const adapter = consoleTo(stream, { format: 'json' });
    await Promise.all(Array.from({ length: 500 }, (_, sequence) => adapter.logEvent(eventOf('system', {}, { sequence }))));
    expect(stream.lines.map((line) => (JSON.parse(line) as MeshAuditEvent).sequence)).toEqual(Array.from({ length: 500 }, (_, index) => index));
  });

  test('log injection: no raw control character, one line an event, bounded, whatever stands in any text', async () => {
    for (const format of ['pretty', 'json'] as const) {
      const stream = new Capture();
      const adapter = consoleTo(stream, { level: 'debug', format });
      for (const text of INJECTIONS) {
        const before = stream.text.length;
        await adapter.logEvent(
          eventOf(
            'error',
            { action: text, error: text, metadata: { [text]: text, nested: { list: [text, { deep: text }] } } },
            { id: text, serviceId: text, targetServiceId: text, trace: { traceId: text, spanId: text } },
          ),
        );
        expect(stream.text.length - before).toBeLessThan(600_000);
      }
      expect(stream.lines).toHaveLength(INJECTIONS.length);
      for (const line of stream.lines) expect(RAW_CONTROLS.test(line)).toBe(false);
      if (format === 'json') for (const line of stream.lines) expect(JSON.parse(line)).toMatchObject({ level: 'error' });
    }
  });

  test('json gives back what a short text was, controls included', async () => {
    for (const text of INJECTIONS.filter(({ length }) => length <= 256)) {
      const stream = new Capture();
      await consoleTo(stream, { format: 'json' }).logEvent(eventOf('error', { error: text, metadata: { text, list: [text] } }));
      expect(JSON.parse(stream.text)).toMatchObject({ details: { error: text, metadata: { text, list: [text] } } });
    }
  });

  test('in a pretty line no text passes for another field', async () => {
    const stream = new Capture();
    await consoleTo(stream).logEvent(eventOf('connection', { action: 'a  auth.succeeded', error: 'no  order-service  auth.succeeded' }, { serviceId: 'x → admin' }));
    expect(stream.lines[0]).toBe('2026-01-01T00:00:00.000Z  WARN   "x → admin"                       "a  auth.succeeded" FAILED  "no  order-service  auth.succeeded"');
  });
});

describe('the stream', () => {
  test('logEvent() resolves when the line is written, not before', async () => {
    const stream = new Capture();
    stream.hold = true;
    let written = false;
    const logging = consoleTo(stream).logEvent(eventOf('system')).then(() => (written = true));
    for (let index = 0; index < 5; index++) await turn();
    expect(stream.lines).toHaveLength(1);
    expect(written).toBe(false);
    stream.release();
    await logging;
  });

  test('one that stands still gets a bounded number of lines', async () => {
    const stream = new Capture();
    stream.hold = true;
    const adapter = consoleTo(stream);
    const lines = Array.from({ length: 1_000 }, () => adapter.logEvent(eventOf('system')));
    await expect(adapter.logEvent(eventOf('system'))).rejects.toMatchObject({ reason: 'queue_full', retryable: true });
    stream.release();
    await Promise.all(lines);
    await adapter.logEvent(eventOf('system'));
    expect(stream.lines).toHaveLength(1_001);
  });

  test('one that fails or was closed is the adapter\'s error, permanent once it is closed, and ends nobody\'s process', async () => {
    const stream = new Capture();
    const adapter = consoleTo(stream);
    await adapter.logEvent(eventOf('system'));
    stream.destroy(new Error('EPIPE'));
    for (let index = 0; index < 2; index++) {
      await expect(adapter.logEvent(eventOf('system'))).rejects.toMatchObject({ name: 'MeshError', reason: 'adapter_failed', retryable: false });
    }
    const throwing = Object.assign(new Capture(), {
      write: () => {
        throw new Error('odd stream');
      },
    });
    const second = consoleTo(throwing);
    for (let index = 0; index < 2; index++) await expect(second.logEvent(eventOf('system'))).rejects.toMatchObject({ reason: 'adapter_failed', retryable: true });
  });

  test('close() waits for lines under way, leaves the stream open and as it was, and can be called twice', async () => {
    const stream = new Capture();
    const listeners = stream.listenerCount('error');
    const adapter = consoleTo(stream);
    stream.hold = true;
    void adapter.logEvent(eventOf('system'));
    let closed = false;
    const closing = adapter.close().then(() => (closed = true));
    for (let index = 0; index < 5; index++) await turn();
    expect(closed).toBe(false);
    stream.release();
    await closing;
    await adapter.close();
    expect(stream.writable).toBe(true);
    expect(stream.listenerCount('error')).toBe(listeners);
    await expect(adapter.logEvent(eventOf('system'))).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false });
    await new ConsoleAdapter({ stream }).close();
  });

  test('an event that cannot be shown is refused for good', async () => {
    const hostile = eventOf('system', {
      metadata: {
        get bad(): string {
          throw new Error('getter');
        },
      },
    });
    await expect(consoleTo(new Capture()).logEvent(hostile)).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false });
  });

  test('constructing touches neither stdout nor any stream', () => {
    const stdout = jest.spyOn(process, 'stdout', 'get');
    new ConsoleAdapter();
    new ConsoleAdapter({ level: 'debug', format: 'json' });
    expect(stdout).not.toHaveBeenCalled();
    stdout.mockRestore();
  });
});

describe('a winston logger of the user\'s own', () => {
  function userLogger(options: winston.LoggerOptions = {}): { logger: winston.Logger; stream: Capture } {
    const stream = new Capture();
    return { stream, logger: winston.createLogger({ level: 'debug', format: winston.format.json(), transports: [new winston.transports.Stream({ stream })], ...options }) };
  }

  test('gets message, level and the event; its own level decides; it is not closed', async () => {
    const { logger, stream } = userLogger({ level: 'warn' });
    const adapter = new ConsoleAdapter({ logger });
    for (const event of everyKind) await adapter.logEvent(event);
    await adapter.close();
    logger.error('still open');
    await turn();
    expect(stream.lines.map((line) => JSON.parse(line) as Record<string, unknown>)).toMatchObject([
      { level: 'warn', message: 'order-service  auth.failed FAILED', event: { sequence: 7, details: { action: 'auth.failed' } } },
      { level: 'error', message: 'order-service  handler.failed FAILED' },
      { level: 'error', message: 'still open' },
    ]);
  });

  test('the level option narrows it further', async () => {
    const { logger, stream } = userLogger();
    const adapter = new ConsoleAdapter({ logger, level: 'error' });
    for (const event of everyKind) await adapter.logEvent(event);
    await turn();
    expect(stream.lines).toHaveLength(1);
  });

  test('with syslog\'s level names', async () => {
    const { logger, stream } = userLogger({ levels: winston.config.syslog.levels });
    const adapter = new ConsoleAdapter({ logger });
    for (const event of everyKind) await adapter.logEvent(event);
    await turn();
    expect(stream.lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(['debug', 'debug', 'info', 'warning', 'error']);
  });

  test('that prints texts raw still prints no control character', async () => {
    const raw = winston.format.printf((info) => `${info.level} ${info.message} ${Object.entries((info['event'] as MeshAuditEvent).details).flat().join(' ')}`);
    const { logger, stream } = userLogger({ format: raw });
    const adapter = new ConsoleAdapter({ logger });
    for (const text of INJECTIONS) await adapter.logEvent(eventOf('error', { action: text, error: text }, { serviceId: text }));
    await turn();
    expect(stream.lines).toHaveLength(INJECTIONS.length);
    for (const line of stream.lines) expect(RAW_CONTROLS.test(line)).toBe(false);
  });

  test('that was ended is the adapter\'s error, not the end of the process', async () => {
    const { logger } = userLogger();
    logger.end();
    await turn();
    await expect(new ConsoleAdapter({ logger }).logEvent(eventOf('error'))).rejects.toMatchObject({ reason: 'adapter_failed', retryable: false });
  });
});

test('invalid options are reported all at once', () => {
  expect(() => new ConsoleAdapter({ level: 'loud' as never, format: 'xml' as never, color: 'red' as never, logger: {} as never, stream: {} as never })).toThrow(MeshError);
  expect(() => new ConsoleAdapter({ level: 'toString' as never, format: 'xml' as never, color: 1 as never, logger: {} as never, stream: {} as never })).toThrow(/level: .*; format: .*; color: .*; logger: .*; stream: /);
});
