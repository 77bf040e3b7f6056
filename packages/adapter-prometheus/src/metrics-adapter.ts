import { hostname } from 'node:os';
import { MeshError, type AdapterContext, type ClockTimer, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { register as defaultRegistry, Registry } from 'prom-client';
import { CallWindow } from './call-window.js';
import { Exposition } from './exposition.js';
import { ignoreEvent } from './ignore-event.js';
import { completeMetricsOptions, type CompleteMetricsOptions, type MetricsAdapterOptions } from './metrics-adapter-options.js';
import { pushgateway, type PushTarget } from './pushgateway.js';

interface Running {
  readonly context: AdapterContext;
  readonly detach: () => void;
}

/**
 * The metrics of a mesh with those of the last window, for whoever scrapes prom-client's registry, for a Pushgateway, or for a sink. It takes no events; a call costs
 * nothing.
 */
export class MetricsAdapter implements ManagedAdapter {
  readonly name = 'metrics';
  readonly metricsOnly = true;
  /** The registry that has the metrics, from `mesh.initialize()` to the mesh's end; with a sink it stays empty. */
  readonly register: Registry;
  readonly #options: CompleteMetricsOptions;
  readonly #window = new CallWindow();
  #running: Running | undefined;
  #timer: ClockTimer | undefined;
  #sending: Promise<void> | undefined;
  #failing = false;
  #closing: Promise<void> | undefined;

  /** @throws MeshError `invalid_option` that names every problem */
  constructor(options: MetricsAdapterOptions = {}) {
    this.#options = completeMetricsOptions(options);
    const { register, target } = this.#options;
    // What else is in the default registry is nobody's to push.
    this.register = register ?? (target.type === 'prometheus' ? defaultRegistry : new Registry());
  }

  /** Does nothing: no mesh calls it. @throws MeshError `adapter_failed` for what is no event, and once the adapter is closed */
  // eslint-disable-next-line @typescript-eslint/require-await -- so that what it throws is a rejection
  async logEvent(event: MeshAuditEvent): Promise<void> {
    ignoreEvent(this.name, event, this.#closing !== undefined);
  }

  /** @throws MeshError `adapter_failed` where the registry has other metrics of the same names */
  // eslint-disable-next-line @typescript-eslint/require-await -- as above
  async start(context: AdapterContext): Promise<void> {
    if (this.#closing !== undefined || this.#running !== undefined) return;
    const { prefix, expireMs, target } = this.#options;
    const source = { context, window: this.#window, expireMs };
    const detach = target.type === 'sink' ? () => undefined : Exposition.of(this.register, prefix).attach(source);
    this.#running = { context, detach };
    this.#window.turn(context.metrics());
    this.#arm(context);
  }

  /** Pushes, or sends, what there is at this moment. @throws MeshError `adapter_failed`, `adapter_timeout` */
  async flush(): Promise<void> {
    if (this.#running !== undefined && this.#closing === undefined) await this.#send(this.#running.context);
  }

  /** Takes the mesh out of the registry, and what was pushed from the Pushgateway; a sink gets the last figures. Safe to call twice. @throws MeshError `adapter_failed`, `adapter_timeout` */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const running = this.#running;
    this.#timer?.cancel();
    if (running === undefined) return;
    const { target } = this.#options;
    try {
      // Those that wait for their turn, too: what they push is not to come after the DELETE.
      while (this.#sending !== undefined) await this.#sending;
      if (target.type === 'pushgateway') await pushgateway(this.#pushTarget(running.context), 'DELETE');
      else if (target.type === 'sink') await this.#send(running.context);
    } finally {
      this.#running = undefined;
      running.detach();
    }
  }

  #arm(context: AdapterContext): void {
    this.#timer = context.clock.setTimeout(() => {
      this.#arm(context);
      this.#window.turn(context.metrics());
      // One that takes longer than a window: its turn comes with the next.
      if (this.#sending === undefined) this.#sendQuietly(context);
    }, this.#options.interval);
  }

  #sendQuietly(context: AdapterContext): void {
    this.#send(context).then(
      () => {
        if (this.#failing) context.logger.info('metrics are taken again');
        this.#failing = false;
      },
      (error: unknown) => {
        // Said once: the next success ends it.
        if (!this.#failing) context.logger.warn('metrics were not taken', { error: MeshError.from(error).message });
        this.#failing = true;
      },
    );
  }

  /** One at a time. */
  async #send(context: AdapterContext): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
    const sending = this.#sendNow(context);
    this.#sending = sending.catch(() => undefined).finally(() => (this.#sending = undefined));
    await sending;
  }

  async #sendNow(context: AdapterContext): Promise<void> {
    const { target, timeoutMs } = this.#options;
    if (target.type === 'pushgateway') await pushgateway(this.#pushTarget(context), 'PUT', await this.register.metrics());
    else if (target.type === 'sink') await within(timeoutMs, context, async () => void (await target.send(context.metrics(), this.#window.figures)));
  }

  #pushTarget({ serviceId, clock }: AdapterContext): PushTarget {
    const { target, timeoutMs } = this.#options;
    const { url, job, instance } = target as Extract<CompleteMetricsOptions['target'], { type: 'pushgateway' }>;
    return { url, job, instance: instance ?? `${serviceId}/${hostname()}/${process.pid}`, timeoutMs, clock };
  }
}

/** @throws MeshError `adapter_failed`, `adapter_timeout` */
function within(timeoutMs: number, { clock }: AdapterContext, work: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(new MeshError('adapter_timeout', `send() did not end within ${timeoutMs} ms`, { retryable: true })), timeoutMs);
    work().then(resolve, (cause: unknown) => reject(new MeshError('adapter_failed', `send() failed: ${MeshError.from(cause).message}`, { cause, retryable: true }))).finally(() => timer.cancel());
  });
}
