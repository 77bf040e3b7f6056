// What happens while the example runs: calls, a database that fails, a peer that asks too often, new keys.
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE_MS = 10;
/** On however slow a machine: what has not happened after this does not happen. */
const PATIENCE_MS = 20_000;

/** @returns what was done, by the callers' own count */
export async function runTraffic({ checkout, payment, database }, { seconds, say }) {
  const done = { answered: 0, failed: 0, refusedByBreaker: 0, prices: 0, refusedPrices: 0 };
  const charging = checkout.connect('payment');
  const asking = payment.connect('checkout');

  const charge = async () => {
    try {
      await charging.call('charge', { cents: 1_250 }, { retry: false, timeoutMs: 5_000 });
      done.answered++;
    } catch (error) {
      if (error.reason === 'circuit_open') done.refusedByBreaker++;
      else done.failed++;
    }
    await sleep(PAUSE_MS);
  };
  const chargeWhile = async (what, goesOn) => {
    for (const until = performance.now() + PATIENCE_MS; goesOn(); ) {
      if (performance.now() > until) throw new Error(`not within ${PATIENCE_MS / 1_000} s: ${what}`);
      await charge();
    }
  };
  const breaker = () => checkout.getStats().metrics.circuitBreakerState;
  const chargeFor = (ms) => {
    const until = performance.now() + ms;
    return chargeWhile('time', () => performance.now() < until);
  };

  say('calls, and everything is well');
  await chargeFor(seconds * 400);

  say("payment's database is down: calls fail, the breaker opens");
  database.up = false;
  await chargeWhile('the breaker opens', () => breaker() !== 'open');
  await chargeFor(300);
  database.up = true;
  await chargeWhile('the breaker closes', () => breaker() !== 'closed');
  say('the database is back: the breaker has closed');

  say('payment asks for prices much too often');
  for (const until = performance.now() + PATIENCE_MS; done.refusedPrices < 50 && performance.now() < until; ) {
    await asking.call('price', { copies: 1 }, { retry: false, timeoutMs: 5_000 }).then(
      () => done.prices++,
      () => done.refusedPrices++,
    );
  }

  say('checkout gets another static key, and its sessions other keys');
  done.rotation = await checkout.rotateKeys();
  await chargeFor(seconds * 400);
  return done;
}
