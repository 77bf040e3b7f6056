import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const HELP = `npm start [-- options]

  --seconds N   how long the load runs, 3 or more; default 24
  --out DIR     folder for the report about keys; default: a new one in the temporary directory
  --keep        leave everything running after that, until Ctrl-C
  --verbose     show the services' operational logs
  --help        this text
`;

/** What the load is. */
export const LOAD = Object.freeze({ callers: 64, callsPerSecond: 1_000 });

/** What `order` lets a peer ask for: of prices a few, of orders twice as many as all callers place. */
export const RATE_LIMIT = Object.freeze({ maxRequests: 2_000, windowMs: 1_000, methods: { price: { maxRequests: 100, windowMs: 1_000 } } });

/** Changes of the keys of each connection that the load goes through before anything else happens. */
export const ROTATIONS = 2;

/** @throws Error for what is no option */
export function parseOptions(args) {
  const { values } = parseArgs({ args, options: { seconds: { type: 'string', default: '24' }, out: { type: 'string' }, keep: { type: 'boolean' }, verbose: { type: 'boolean' }, help: { type: 'boolean' } } });
  const seconds = Number(values.seconds);
  if (!(seconds >= 3 && seconds <= 86_400)) throw new Error(`--seconds: ${values.seconds} is no number from 3 to 86400`);
  return {
    seconds,
    out: values.out && resolve(values.out),
    keep: values.keep ?? false,
    verbose: values.verbose ?? false,
    help: values.help ?? false,
    // Two changes of each connection's keys take most of the first act.
    rotationMs: Math.min(2_000, seconds * 80),
    // Each act begins when the one before has come to its end, and not before its time.
    secondAtMs: seconds * 200,
    slowStartMs: Math.min(2_000, seconds * 100),
    breakerAtMs: seconds * 400,
    breakerMs: Math.min(1_000, seconds * 50),
    killAtMs: seconds * 550,
    downMs: Math.min(2_000, seconds * 80),
    crawlAtMs: seconds * 700,
    crawlMs: Math.min(2_000, seconds * 80),
    attackAtMs: seconds * 850,
    endAtMs: seconds * 1_000,
  };
}
