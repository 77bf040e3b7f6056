import { describe, it } from '@jest/globals';
import { describeAdapter, type AdapterDescription } from '@lemur-bookstores/adapter-testkit';
import type { MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import winston from 'winston';
import { ConsoleAdapter, type ConsoleAdapterOptions } from '../src/console-adapter.js';
import { levelOf, safeEvent } from '../src/event-line.js';
import { prettyLine } from '../src/pretty-format.js';
import { Capture } from './support.js';

const runner = { describe, it };

/** Longest text that is shown whole. */
const SHOWN = 8_192;

/** What a JSON line says of an event: all of it, long texts cut. */
const cut = (event: MeshAuditEvent): unknown =>
  JSON.parse(JSON.stringify(event), (_name, value: unknown) =>
    typeof value === 'string' && value.length > SHOWN ? `${value.slice(0, SHOWN)}…[+${value.length - SHOWN} chars]` : value,
  );

/** The stream of a terminal that can be made to refuse for a while. */
class Terminal extends Capture {
  isAway = false;

  override write(chunk: unknown, ...more: unknown[]): boolean {
    const written = more.find((argument) => typeof argument === 'function') as ((error: Error | null | undefined) => void) | undefined;
    if (!this.isAway) return super.write(chunk, written);
    written?.(new Error('EAGAIN'));
    return true;
  }
}

function terminalWith(options: ConsoleAdapterOptions, read: (line: string) => unknown): Pick<AdapterDescription, 'create' | 'supports'> {
  return {
    supports: { terminal: true, filters: true, failures: ['retryable'] },
    create: () => {
      const stream = new Terminal();
      return {
        construct: () => new ConsoleAdapter({ stream, ...options }),
        received: () => stream.lines.map(read),
        screen: () => stream.text,
        fail: () => void (stream.isAway = true),
        release: () => void (stream.isAway = false),
      };
    },
  };
}

function eventOfJson(line: string): unknown {
  const { level: _level, ...event } = JSON.parse(line) as Record<string, unknown>;
  return event;
}

for (const level of ['debug', 'info', 'warn', 'error'] as const) {
  describeAdapter({ name: `ConsoleAdapter, json, ${level}`, runner, ...terminalWith({ format: 'json', level }, eventOfJson), holds: cut });
}

describeAdapter({
  name: 'ConsoleAdapter, pretty',
  runner,
  ...terminalWith({ level: 'debug' }, (line) => line),
  holds: (event) => prettyLine(event, levelOf(event, true), { color: false, localTime: false }),
});

describeAdapter({
  name: 'ConsoleAdapter, with a winston logger',
  runner,
  supports: { filters: true, terminal: true },
  holds: safeEvent,
  create: () => {
    const stream = new Capture();
    const logger = winston.createLogger({ level: 'debug', format: winston.format.json(), transports: [new winston.transports.Stream({ stream })] });
    return {
      construct: () => new ConsoleAdapter({ logger }),
      received: () => stream.lines.map((line) => (JSON.parse(line) as { event: unknown }).event),
      screen: () => stream.text,
      dispose: () => void logger.close(),
    };
  },
});
