// A service's line to the demo's terminal. A service of yours needs nothing of this file.
const TICK_MS = 250;

/** Ctrl-C reaches every process of a terminal: the parent decides, and says `stop`. */
process.on('SIGINT', () => {});
/** Without a parent nobody is left to serve. */
process.on('disconnect', () => process.exit(1));

export function tellParent(message) {
  return new Promise((resolve, reject) => process.send(message, (error) => (error ? reject(error) : resolve())));
}

/**
 * Session keys are changed every few seconds, so that there is something to see: an hour is the default. The hard limit is far away, for a machine
 * that is too busy to be in time.
 */
export const rotationOfTheDemo = { interval: Number(process.env.DEMO_ROTATION_MS), rejectAfterMs: 60_000, minIntervalMs: 0 };

/**
 * A custom audit adapter: sends security events on at once, counts those of single calls. It resolves when the parent has them,
 * and what it rejects is tried again.
 */
export class ParentAdapter {
  name = 'parent';
  #counts = {};

  async logEvent(event) {
    await this.logEvents([event]);
  }

  async logEvents(events) {
    const security = events.filter(({ eventType }) => eventType !== 'message');
    if (security.length > 0) await tellParent({ type: 'audit', events: security });
    for (const { eventType, details } of events) if (eventType === 'message') this.#counts[details.action] = (this.#counts[details.action] ?? 0) + 1;
  }

  /** What was counted since the last time. */
  takeCounts() {
    const counts = this.#counts;
    this.#counts = {};
    return counts;
  }
}

/** The operational log goes to the terminal's process, which shows it if something goes wrong. */
const log = (level) => (message) => void tellParent({ type: 'log', level, message }).catch(() => {});
export const parentLogger = { debug() {}, info() {}, warn: log('warn'), error: log('error') };

/**
 * Runs a service until the parent says stop, or SIGTERM does; tells its figures at any time that it is asked. Then the process ends by itself: `cleanup()` leaves nothing open.
 * @param figures more to tell with every tick
 * @param on what to do about other messages of the parent, by type
 * @param beforeStop runs before the mesh closes
 */
export async function serve(mesh, { adapter, figures = () => ({}), on = {}, beforeStop = () => {} } = {}) {
  const tick = () => tellParent({ type: 'tick', outbound: mesh.metrics().sessions.outbound, audit: adapter?.takeCounts() ?? {}, ...figures() });
  let ticker;
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await initialized;
    clearInterval(ticker);
    await beforeStop();
    await mesh.cleanup();
    await tick();
    await tellParent({ type: 'final', stats: mesh.getStats() });
    process.removeAllListeners('disconnect');
    process.disconnect();
  };
  const initialized = mesh.initialize();
  // How an orchestrator says good-bye to an instance.
  process.on('SIGTERM', () => void stop());
  process.on('message', (message) => {
    if (message.type === 'stop') void stop();
    else if (message.type === 'figures') void tick().then(() => tellParent({ type: 'figures' })).catch(() => {});
    else on[message.type]?.(message);
  });
  await initialized;
  ticker = setInterval(() => void tick().catch(() => {}), TICK_MS);
  const { trustDomain, trustBundle } = mesh.crypto.identity;
  await tellParent({ type: 'ready', trustDomain, authority: Buffer.from(trustBundle[0]).toString('base64'), adminPort: mesh.adminPort });
}
