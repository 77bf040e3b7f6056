// One audit sink in a process of its own: `node sink-process.mjs <sink> <folder>`. Each writes the same events, and its own stringify counts.
import { readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { answerTasks } from '../tasks.mjs';

const require = createRequire(import.meta.url);
const [name, folder] = process.argv.slice(2);
const file = join(folder, `${name.replaceAll(/\W+/g, '-')}.log`);

let sequence = 0;
/** About 300 bytes as JSON: an event of a call. */
const event = () => ({
  id: '0198c0de-7000-7000-8000-000000000000', sequence: (sequence += 1), timestamp: new Date(), eventType: 'message', serviceId: 'order-service',
  targetServiceId: 'payment-service', details: { action: 'message.sent', success: true, duration: 1.25, metadata: { direction: 'outbound', method: 'charge' } },
});

/** Events that callers one after the other wait for: each its own. */
const acknowledged = (log) => async (callers, durationMs) => {
  const from = performance.now();
  let events = 0;
  const caller = async () => {
    while (performance.now() - from < durationMs) {
      await log(event());
      events += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { events, ms: performance.now() - from };
};

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Until the end of the sink's newest file has a text. A flush during a write may be for nothing: it is asked for again. */
async function untilWritten(text, flush) {
  for (;;) {
    flush();
    const [newest] = readdirSync(folder).filter((entry) => entry.startsWith(basename(file)) && !entry.endsWith('.json')).sort().reverse();
    const handle = await open(join(folder, newest), 'r');
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read({ position: Math.max(0, size - 4096), length: 4096 });
    await handle.close();
    if (buffer.subarray(0, bytesRead).includes(text)) return;
    await turn();
  }
}

/** Sinks that tell nobody of single events: as many as they take, until they ask for a pause; then until the last one is with the kernel. */
const buffered = (log, untilRoom, flush = () => undefined) => async (_callers, durationMs) => {
  const from = performance.now();
  let events = 0;
  while (performance.now() - from < durationMs) {
    for (let index = 0; index < 256; index += 1) log(event());
    events += 256;
    await untilRoom();
  }
  const last = `the end of round ${sequence}`;
  log({ ...event(), id: last });
  await untilWritten(last, flush);
  return { events, ms: performance.now() - from };
};

/** A winston logger with one transport. */
async function winston(transport) {
  const { createLogger, format } = require('winston');
  const logger = createLogger({ format: format.json(), transports: [transport] });
  let written = 0;
  let logged = 0;
  transport.on('logged', () => (written += 1));
  const log = (each) => {
    logged += 1;
    logger.info({ message: each.details.action, ...each });
  };
  const untilRoom = async () => {
    do await turn();
    while (logged - written > 4096);
  };
  return buffered(log, untilRoom);
}

/** @param log gets an event */
function boom(stream, log) {
  const untilRoom = async () => {
    if (stream._writing && stream._len > 1 << 20) await new Promise((resolve) => stream.once('drain', resolve));
    else await turn();
  };
  return buffered(log, untilRoom, () => stream.flush());
}

const sinks = {
  'append + fdatasync each': async () => {
    const handle = await open(file, 'a');
    return acknowledged(async (each) => {
      await handle.write(`${JSON.stringify(each)}\n`);
      await handle.datasync();
    });
  },
  FileAdapter: async () => {
    const { FileAdapter } = await import('../../../packages/adapter-file/dist/index.js');
    const adapter = new FileAdapter(join(folder, 'file-adapter'), { signWith: join(folder, 'keys') });
    return acknowledged((each) => adapter.logEvent(each));
  },
  'winston File': () => winston(new (require('winston').transports.File)({ filename: file })),
  'winston-daily-rotate-file': () => winston(new (require('winston-daily-rotate-file'))({ filename: file, auditFile: `${file}.audit.json` })),
  'pino.destination sync:false': async () => {
    const pino = require('pino');
    const stream = pino.destination({ dest: file, sync: false, minLength: 4096 });
    const logger = pino(stream);
    return boom(stream, (each) => logger.info(each, each.details.action));
  },
  'sonic-boom': async () => {
    const SonicBoom = require('sonic-boom');
    const stream = new SonicBoom({ dest: file, sync: false, minLength: 4096 });
    return boom(stream, (each) => stream.write(`${JSON.stringify(each)}\n`));
  },
  'sonic-boom fsync:true': async () => {
    const SonicBoom = require('sonic-boom');
    const stream = new SonicBoom({ dest: file, sync: false, minLength: 4096, fsync: true });
    return boom(stream, (each) => stream.write(`${JSON.stringify(each)}\n`));
  },
};

/** What a sink leaves to the kernel must not be written during the round of the next. */
async function settle() {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const handle = await open(join(folder, entry.name), 'r+');
    await handle.sync();
    await handle.close();
  }
}

const run = await sinks[name]();
const round = async ({ callers, durationMs }) => {
  const measured = await run(callers, durationMs);
  await settle();
  return measured;
};
answerTasks({ round }, { ready: true });
