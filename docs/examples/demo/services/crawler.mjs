// A service that everybody trusts, and that wants to know the prices of all books as fast as it can.
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshError, SecureMesh } from '@lemur-bookstores/secure-stack-mesh';
import { parentLogger, serve, tellParent } from './parent.mjs';

const AT_ONCE = 16;
const PAUSE_MS = 20;
/** On however slow a machine: after this it gives up. */
const PATIENCE_MS = 10_000;
/** Refusals that it takes to be a burst. */
const ENOUGH = 50;
/** Times that it does as it is told. */
const POLITE = 3;

const mesh = new SecureMesh({ serviceId: 'crawler', port: 0, logger: parentLogger });
const order = mesh.connect('order');
const figures = { made: 0, answered: 0, refused: 0, otherwise: 0, polite: 0, served: 0, retryAfterMs: [Infinity, 0] };

/** @returns how long to wait, 0 where it was answered. Without retries: each refusal is to be seen. */
async function ask() {
  figures.made++;
  try {
    await order.call('price', { book: 'ISBN 1', copies: 1 }, { retry: false, timeoutMs: 5_000 });
    figures.answered++;
    return 0;
  } catch (error) {
    const { code, reason, retryAfterMs } = MeshError.from(error);
    if (code !== 'RESOURCE_EXHAUSTED' || reason !== 'rate_limited' || !(retryAfterMs > 0)) {
      figures.otherwise++;
      return 0;
    }
    figures.refused++;
    const [least, most] = figures.retryAfterMs;
    figures.retryAfterMs = [Math.min(least, retryAfterMs), Math.max(most, retryAfterMs)];
    return retryAfterMs;
  }
}

/** So many at once, whatever is answered. */
async function crawl(ms) {
  const startedAt = performance.now();
  const goesOn = () => performance.now() < startedAt + (figures.refused < ENOUGH ? PATIENCE_MS : ms);
  const crawlOn = async () => {
    while (goesOn()) {
      await ask();
      await sleep(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, crawlOn));
  for (; figures.polite < POLITE; figures.polite++) await askPolitely();
  await tellParent({ type: 'crawled', crawl: { ...figures, durationMs: performance.now() - startedAt } });
}

/** When it is refused, it asks once more, after the time that it was told. A timer may be early by a millisecond. */
async function askPolitely() {
  const { answered } = figures;
  const waitMs = await ask();
  if (waitMs > 0) {
    await sleep(waitMs + 1);
    await ask();
  }
  if (figures.answered > answered) figures.served++;
}

await serve(mesh, { on: { crawl: ({ ms }) => void crawl(ms) } });
