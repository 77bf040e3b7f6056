// `npm run bench -- --only slow-instance` and `--only overload` (ten seconds each): what becomes of calls when an instance gets slow, and when a service is offered too much.
import { join } from 'node:path';
import { EndProcess } from './processes.mjs';

const quantile = (values, q) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
};
const ms = (value) => `${value.toFixed(1)} ms`;
const percent = (value) => `${(value * 100).toFixed(1)} %`;
const end = () => new EndProcess('survival-end.mjs', ['survival-end.mjs']);

const STEP_MS = 250;
const SLOW_AFTER_MS = 2_000;

/** Three instances, of which one takes 100 times as long from a moment on; 32 callers, each with one call under way. */
async function slowInstance(scratch, strategy) {
  const processes = [end(), end(), end(), end()];
  const [caller, ...instances] = processes;
  try {
    await Promise.all(processes.map((process) => process.ready()));
    const pids = await Promise.all(instances.map((instance) => instance.ask('serve', { scratch, serviceId: 'work', cost: 5, busy: false })));
    await caller.ask('connect', { scratch, serviceId: 'caller', loadBalancing: { strategy, slowStartMs: 0 } });
    await caller.ask('offer', { durationMs: 1_000, callers: 32 });
    const offered = caller.ask('offer', { durationMs: SLOW_AFTER_MS + 2_000, callers: 32 });
    await new Promise((resolve) => setTimeout(resolve, SLOW_AFTER_MS));
    await instances[2].ask('slowDown', 500);
    const calls = await offered;
    const within = (from, to) => calls.filter(([at]) => at >= from && at < to);
    const share = (some) => (some.length === 0 ? 0 : some.filter(([, , pid]) => pid === pids[2]).length / some.length);
    const steps = Array.from({ length: 2_000 / STEP_MS }, (_, step) => percent(share(within(SLOW_AFTER_MS + step * STEP_MS, SLOW_AFTER_MS + (step + 1) * STEP_MS))));
    const [before, after] = [within(0, SLOW_AFTER_MS), within(SLOW_AFTER_MS, Infinity)];
    const p99 = (some) => ms(quantile(some.map(([, took]) => took), 0.99));
    return `${strategy}: share of the slow one before ${percent(share(before))}, in the 2 s after ${percent(share(after))} (per ${STEP_MS} ms: ${steps.join(', ')}); p99 ${p99(before)}, then ${p99(after)}; calls/s ${before.length / 2}, then ${after.length / 2}`;
  } finally {
    for (const process of processes) process.end();
  }
}

/** A service whose calls cost 1 ms of CPU: what it does at most, and when it is offered five times that. */
async function overload(scratch) {
  const processes = [end(), end()];
  const [caller, service] = processes;
  try {
    await Promise.all(processes.map((process) => process.ready()));
    caller.pin(0);
    service.pin(1);
    await service.ask('serve', { scratch, serviceId: 'work', cost: 1, busy: true, resilience: { concurrency: { limit: 16, queue: 64 } } });
    await caller.ask('connect', { scratch, serviceId: 'caller' });
    const closed = { durationMs: 2_000, callers: 16 };
    await caller.ask('offer', closed);
    const most = (await caller.ask('offer', closed)).length / 2;
    const memory = await service.ask('memory');
    const calls = await caller.ask('offer', { durationMs: 4_000, perSecond: most * 5 });
    const lastMs = Math.max(4_000, ...calls.map(([at, took]) => at + took));
    const accepted = calls.filter(([, , outcome]) => typeof outcome === 'number');
    const goodput = (accepted.length / lastMs) * 1_000;
    const refused = {};
    for (const [, , outcome] of calls) if (typeof outcome === 'string') refused[outcome] = (refused[outcome] ?? 0) + 1;
    const codes = Object.entries(refused).map(([code, count]) => `${code} ${percent(count / calls.length)}`);
    const grown = ((await service.ask('memory')) - memory) / 2 ** 20;
    const p99 = quantile(accepted.map(([, took]) => took), 0.99);
    const verdict = goodput >= 0.8 * most ? 'ok  ' : 'MISS';
    return [
      `at most ${Math.round(most)} calls/s; offered ${Math.round((calls.length / 4_000) * 1_000)}/s`,
      `${verdict}  goodput ${Math.round(goodput)}/s: ${percent(goodput / most)} of the most, aim >= 80 %; refused: ${codes.join(', ')}`,
      `p99 of the accepted ${ms(p99)}; memory of the service grew by ${grown.toFixed(1)} MiB`,
    ].join('\n');
  } finally {
    for (const process of processes) process.end();
  }
}

/** By the name that `--only` takes. */
export const SURVIVAL = {
  'slow-instance': async (scratch) => [await slowInstance(join(scratch, 'a'), 'least-loaded'), await slowInstance(join(scratch, 'b'), 'round-robin')].join('\n'),
  overload,
};
