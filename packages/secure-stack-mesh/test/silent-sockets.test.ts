import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import type { MeshStats } from '@lemur-bookstores/mesh-interface';
import { Child } from './support/child.js';
import { upgradeRequest } from './support/stranger.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

/** 5,000, or as many as this machine lets a process open (`ulimit -Hn`, to which Node raises itself). */
const SOCKETS = Math.min(5_000, openFilesLimit() - 1_000);
const MAX_PENDING = 1_024;
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;

interface Silent {
  readonly socket: Socket;
  readonly ready: Promise<void>;
  gone: boolean;
}

/** Most of them ask for the upgrade first: that costs more memory than TCP alone. */
function silence(port: number, upgraded: boolean): Silent {
  const socket = connect(port, '127.0.0.1');
  const silent: Silent = {
    socket,
    gone: false,
    ready: new Promise((resolve) => {
      socket.once('close', () => resolve());
      if (!upgraded) return socket.once('connect', () => resolve());
      socket.once('connect', () => socket.write(upgradeRequest('secure-stack-mesh.v1')));
      socket.once('data', () => resolve());
    }),
  };
  socket.on('error', () => {});
  socket.on('end', () => (silent.gone = true));
  socket.on('close', () => (silent.gone = true));
  return silent;
}

describe('with the default caps', () => {
  test(`${SOCKETS.toLocaleString('en')} strangers who say nothing: the oldest go, memory is bounded, a proven peer is served`, async () => {
    const child = bed.closing(new Child('besieged-mesh.mjs', { MESH_KEYS_DIR: bed.paths.keysDir, MESH_RUNTIME_DIR: bed.paths.runtimeDir }));
    const port = await child.next<number>();
    const { mesh } = await bed.running({ serviceId: 'orders' });
    const client = mesh.connect('payments');
    for (let i = 0; i < 500; i++) await client.call('pay', { i });
    const before = await child.ask<number>('settle');

    const strangers: Silent[] = [];
    const latencies: number[] = [];
    let besieged = true;
    const calls = (async () => {
      for (let i = 0; besieged; i++) {
        const startedAt = performance.now();
        expect(await client.call('pay', { i })).toEqual({ i });
        latencies.push(performance.now() - startedAt);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const startedAt = performance.now();
    while (strangers.length < SOCKETS) {
      const some = Array.from({ length: 100 }, (_, i) => silence(port, i % 10 > 0));
      strangers.push(...some);
      await Promise.all(some.map(({ ready }) => ready));
    }
    const openedInMs = performance.now() - startedAt;
    await until('the ones too many are gone', () => strangers.filter(({ gone }) => !gone).length <= MAX_PENDING);
    // Those that are left are the youngest, unless the deadline has begun to take them as well.
    const left = strangers.map(({ gone }, index) => (gone ? -1 : index)).filter((index) => index >= 0);
    expect(Math.min(...left)).toBeGreaterThanOrEqual(SOCKETS - MAX_PENDING);

    // A new peer comes in too: the door is not blocked.
    const late = await bed.running({ serviceId: 'late' });
    expect(await late.mesh.connect('payments').call('pay', 'late')).toBe('late');

    await until('the deadline has taken the rest', () => strangers.every(({ gone }) => gone));
    besieged = false;
    await calls;
    const growth = (await child.ask<number>('peak')) - before;
    const longest = Math.max(...latencies);
    process.stderr.write(
      `${SOCKETS} silent sockets: opened in ${Math.round(openedInMs)} ms; RSS ${mib(before)} MiB, at most ${mib(growth)} MiB more; ${latencies.length} calls meanwhile, longest ${Math.round(longest)} ms\n`,
    );
    expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
    expect(latencies.length).toBeGreaterThan(100);

    // Every one is accounted for, in few events: a flood of strangers is no flood of audit.
    const refusals = () => child.ask<{ events: number; evicted: number; timedOut: number }>('refused');
    await until('all refusals are said', async () => {
      const { evicted, timedOut } = await refusals();
      return evicted + timedOut === SOCKETS;
    });
    const { events, evicted } = await refusals();
    expect(events).toBeLessThan(40);
    // The first ones were not left to the deadline.
    expect(evicted).toBeGreaterThan((SOCKETS - MAX_PENDING) / 2);
    expect((await child.ask<MeshStats>('stats')).metrics.connectionsFailed).toBe(SOCKETS);
  }, 40_000);
});

const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

function openFilesLimit(): number {
  const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return limit === undefined ? Infinity : Number(limit);
}
