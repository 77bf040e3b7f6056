// Memory of idle authenticated sessions in a server, alone with `node tools/bench/idle-sessions.mjs`. Each session has made one call and
// then stays; only its keep-alive runs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EndProcess } from './processes.mjs';

/** The first ones pay for what all share: compiled code, pools, the heap's own growth. */
const FIRST = 200;

/** KiB that each session adds to the server: `{ rss, heapUsed, external, arrayBuffers }`. */
export async function measureIdleSessions({ scratch, sessions }) {
  const server = new EndProcess('end.mjs', ['mesh-null']);
  const clients = new EndProcess('idle-clients.mjs', []);

  /** After collecting; the allocator gives pages back a little later. */
  const memory = async () => {
    await server.ask('memory');
    await wait(1000);
    return server.ask('memory');
  };

  try {
    await Promise.all([server.ready(), clients.ready()]);
    const target = await server.ask('serve', { scratch });
    await clients.ask('open', { ...target, count: FIRST });
    const before = await memory();
    await clients.ask('open', { ...target, count: sessions });
    const after = await memory();
    const alive = await clients.ask('sessions');
    if (alive !== FIRST + sessions) throw new Error(`only ${alive} of ${FIRST + sessions} sessions are alive`);
    return Object.fromEntries(['rss', 'heapUsed', 'external', 'arrayBuffers'].map((name) => [name, (after[name] - before[name]) / sessions / 1024]));
  } finally {
    server.end();
    clients.end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const scratch = mkdtempSync(join(tmpdir(), 'mesh-idle-'));
  try {
    const sessions = 2000;
    const kib = await measureIdleSessions({ scratch, sessions });
    console.log(`${sessions} idle authenticated sessions, KiB each: ${Object.entries(kib).map(([name, size]) => `${name} ${size.toFixed(1)}`).join(', ')}`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
