import { MeshError, type AdapterContext, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { SinkRefusal } from '../right/memory-sink.js';
import type { SinkFailure } from '../../src/adapter-description.js';
import { RightBatchAdapter } from '../right/right-adapter.js';
import type { WrongAdapter } from './wrong-adapter.js';

/** An adapter that tells of one kind of failure in its own way. */
function telling(kind: SinkFailure['kind'], tell: (error: SinkRefusal) => never): WrongAdapter['make'] {
  return (sink) =>
    new (class extends RightBatchAdapter {
      protected override refused(error: unknown): never {
        return error instanceof SinkRefusal && error.failure.kind === kind ? tell(error) : super.refused(error);
      }
    })(sink);
}

const raise = (error: unknown): never => {
  throw error;
};

class DeadAfterRefusal extends RightBatchAdapter {
  #isDead = false;

  protected override refused(error: unknown): never {
    if (error instanceof SinkRefusal && error.failure.kind === 'permanent') this.#isDead = true;
    return super.refused(error);
  }

  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    if (this.#isDead) throw new MeshError('adapter_failed', 'the sink refused before', { retryable: false });
    await super.put(events, signal);
  }
}

class ThrowsAtOnce extends RightBatchAdapter {
  override logEvent(event: MeshAuditEvent): Promise<void> {
    if (typeof event.id !== 'string') throw new TypeError('no id');
    return super.logEvent(event);
  }
}

class TakesNothing extends RightBatchAdapter {
  protected override async put(events: readonly MeshAuditEvent[], signal?: AbortSignal): Promise<void> {
    await super.put(events.filter((event) => typeof event === 'object' && event !== null), signal);
  }
}

class WritesNothing extends RightBatchAdapter {
  protected override text(event: MeshAuditEvent): string {
    if (event === null) this.sink.records.push('null');
    return super.text(event);
  }
}

class LogsUnguarded extends RightBatchAdapter {
  protected override refused(error: unknown): never {
    this.logger?.warn('the sink refuses');
    return super.refused(error);
  }

  override async start(context: AdapterContext): Promise<void> {
    context.logger.info('starting');
    await super.start(context);
  }
}

export const WRONG_ERRORS: readonly WrongAdapter[] = [
  { fails: 'retryable-failure', it: 'gives up at once', make: telling('retryable', (error) => raise(new MeshError('adapter_failed', error.message, { retryable: false }))) },
  { fails: 'retryable-failure', it: 'says that it took what the sink refused', make: telling('retryable', () => undefined as never) },
  { fails: 'retryable-failure', it: 'rejects with a text', make: telling('retryable', (error) => raise(error.message)) },
  { fails: 'permanent-failure', it: 'has refused events tried again', make: telling('permanent', (error) => raise(new Error(error.message))) },
  { fails: 'throttled-failure', it: 'does not pass on how long to wait', make: telling('throttled', (error) => raise(new MeshError('adapter_failed', error.message, { retryable: true }))) },
  {
    fails: 'throttled-failure',
    it: 'takes seconds for milliseconds',
    make: telling('throttled', ({ message, failure }) => raise(new MeshError('adapter_failed', message, { retryable: true, retryAfterMs: failure.retryAfterMs / 1_000 }))),
  },
  { fails: 'usable-after-failure', it: 'never recovers from a refusal', make: (sink) => new DeadAfterRefusal(sink) },
  { fails: 'wrong-use', it: 'throws instead of rejecting', make: (sink) => new ThrowsAtOnce(sink) },
  { fails: 'wrong-use', it: 'takes nothing for an event', make: (sink) => new TakesNothing(sink) },
  { fails: 'wrong-use', it: 'refuses what is no event, but writes it', make: (sink) => new WritesNothing(sink) },
  { fails: 'throwing-logger', it: 'depends on its logger', make: (sink) => new LogsUnguarded(sink) },
];
