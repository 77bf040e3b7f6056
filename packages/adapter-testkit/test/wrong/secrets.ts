import { inspect } from 'node:util';
import { MeshError, type AdapterContext } from '@lemur-bookstores/mesh-interface';
import type { MemorySink } from '../right/memory-sink.js';
import { RightBatchAdapter } from '../right/right-adapter.js';
import type { WrongAdapter } from './wrong-adapter.js';

/** Has what it holds of its key in a member for all to see. */
const showing = (member: (key: string) => object): WrongAdapter['make'] => (sink, key) => Object.assign(new RightBatchAdapter(sink), member(key));

class ShowsInJson extends RightBatchAdapter {
  readonly toJSON: () => object;

  constructor(sink: MemorySink, key: string) {
    super(sink);
    this.toJSON = () => ({ key });
  }
}

class ShowsInInspect extends RightBatchAdapter {
  readonly #key: string;

  constructor(sink: MemorySink, key: string) {
    super(sink);
    this.#key = key;
  }

  [inspect.custom](): string {
    return `adapter with ${this.#key}`;
  }
}

/** Tells of refusals with more than it should. */
const failing = (error: (key: string, cause: unknown) => Error): WrongAdapter['make'] => (sink, key) =>
  new (class extends RightBatchAdapter {
    protected override refused(cause: unknown): never {
      try {
        super.refused(cause);
      } catch (right) {
        const { retryable, retryAfterMs } = MeshError.from(right);
        throw Object.assign(error(key, cause), { retryable, retryAfterMs });
      }
      throw cause;
    }
  })(sink);

/** Says more than it should when it starts. */
const saying = (say: (context: AdapterContext, key: string) => void): WrongAdapter['make'] => (sink, key) =>
  new (class extends RightBatchAdapter {
    override async start(context: AdapterContext): Promise<void> {
      try {
        say(context, key);
      } catch {
        // A logger may throw.
      }
      await super.start(context);
    }
  })(sink);

class StoresKey extends RightBatchAdapter {
  readonly #key: string;

  constructor(sink: MemorySink, key: string) {
    super(sink);
    this.#key = key;
  }

  protected override refused(error: unknown): never {
    this.sink.records.push(JSON.stringify({ note: 'refused', headers: { authorization: this.#key } }));
    return super.refused(error);
  }
}

const basic = (key: string): string => `Basic ${Buffer.from(`audit:${key}`).toString('base64')}`;

export const WRONG_WITH_SECRETS: readonly WrongAdapter[] = [
  { fails: 'no-secret-when-printed', it: 'keeps its key in a public member', make: showing((key) => ({ options: { key } })) },
  { fails: 'no-secret-when-printed', it: 'keeps its key as bytes', make: showing((key) => ({ key: Buffer.from(key) })) },
  { fails: 'no-secret-when-printed', it: 'keeps its key as a list of bytes', make: showing((key) => ({ key: Uint8Array.from(Buffer.from(key)) })) },
  { fails: 'no-secret-when-printed', it: 'keeps a header made of its key', make: showing((key) => ({ headers: new Map([['authorization', basic(key)]]) })) },
  { fails: 'no-secret-when-printed', it: 'keeps its key in a member that is not enumerable', make: (sink, key) => Object.defineProperty(new RightBatchAdapter(sink), '_key', { value: key }) },
  { fails: 'no-secret-when-printed', it: 'gives its key away as JSON', make: (sink, key) => new ShowsInJson(sink, key) },
  { fails: 'no-secret-when-printed', it: 'gives its key away to util.inspect()', make: (sink, key) => new ShowsInInspect(sink, key) },
  { fails: 'no-secret-in-errors', it: 'has its key in the URL of its messages', make: failing((key, cause) => new MeshError('adapter_failed', `POST https://sink.example/?key=${encodeURIComponent(key)}`, { cause })) },
  { fails: 'no-secret-in-errors', it: 'has the request among the details', make: failing((key, cause) => new MeshError('adapter_failed', 'refused', { cause, details: { headers: { authorization: basic(key) } } })) },
  {
    fails: 'no-secret-in-errors',
    it: 'has its key in the cause of a cause',
    make: failing((key) => new MeshError('adapter_failed', 'refused', { cause: new Error('request failed', { cause: new Error(Buffer.from(key).toString('hex')) }) })),
  },
  { fails: 'no-secret-in-logs', it: 'logs its options', make: saying(({ logger }, key) => logger.debug('starting', { options: { key } })) },
  { fails: 'no-secret-in-logs', it: 'logs its key in base64url', make: saying(({ logger }, key) => logger.info(`token ${Buffer.from(`id.${key}`).toString('base64url')}`)) },
  { fails: 'no-secret-in-logs', it: 'prints its key', make: saying((_context, key) => void process.stderr.write(`\r${JSON.stringify(key)}\r`)) },
  {
    fails: 'no-secret-in-logs',
    it: 'has its key in an event of its own',
    make: saying(({ emit }, key) => emit({ eventType: 'system', details: { action: 'adapter.started', success: true, metadata: { key } } })),
  },
  { fails: 'no-secret-in-sink', it: 'keeps its key with the events', make: (sink, key) => new StoresKey(sink, key) },
];
