import { MeshError, ThrottledWarning, RecentIds, type AdapterContext, type ManagedAdapter, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { alertEvent, type Alert } from './alert.js';
import { completeAlertOptions, type AlertRulesAdapterOptions, type AlertTarget } from './alert-options.js';
import { AlertOutbox } from './alert-outbox.js';
import { checkEvent } from './check-event.js';
import { hasMethod } from './option-problems.js';
import { RuleWatch } from './rule-watch.js';
import { Surroundings } from './surroundings.js';
import { acceptedBy } from './wrapping-adapter.js';

/** Events remembered that met a rule: one that comes again, because its alert failed, is not counted again. */
const REMEMBERED = 2_048;

/** What became of all the times that rules were met: `met = told + heldBack + waiting + refused`. */
export interface AlertStats {
  readonly met: number;
  /** Said by alerts that are out. */
  readonly told: number;
  /** Held back because an alert about the same is out already; told later. */
  readonly heldBack: number;
  /** Of alerts that wait: for the bound on their rate, or because notifying fails. */
  readonly waiting: number;
  /** Of alerts that the target refused for good. */
  readonly refused: number;
}

/**
 * Tells somebody of the events that rules are about: at once the first time, then once in `dedupMs` for the same rule and key with how often
 * it came meanwhile, and never more than `maxPerMinute`. Nothing that meets a rule goes untold: what is held back is part of a later alert, the
 * last one at `close()`. `logEvent` resolves when the alert is out or held back, and a retry sends no alert twice.
 */
export class AlertRulesAdapter implements ManagedAdapter {
  readonly name = 'alert-rules';
  /** Who is notified may be an adapter of the same mesh. */
  readonly closesFirst = true;
  readonly #surroundings: Surroundings;
  readonly #watches: readonly RuleWatch[];
  readonly #outbox: AlertOutbox;
  readonly #seen = new RecentIds(REMEMBERED);
  readonly #target: AlertTarget;
  #warning: ThrottledWarning | undefined;
  #met = 0;
  #closing: Promise<void> | undefined;

  /** @throws MeshError `invalid_option` that names every problem by its option's path */
  constructor(options: AlertRulesAdapterOptions) {
    const settings = completeAlertOptions(options);
    const surroundings = new Surroundings(options);
    const clock = (): typeof surroundings.clock => surroundings.clock;
    const send = sender(settings.notify);
    const outbox = new AlertOutbox({ ...settings, clock, logger: () => surroundings.logger, send });
    const onTrouble = (what: string, error: unknown): void => this.#warn(what, error);
    this.#surroundings = surroundings;
    this.#target = settings.notify;
    this.#outbox = outbox;
    this.#watches = settings.rules.map((rule) => new RuleWatch(rule, { ...settings, clock, onTrouble, onHeld: (draft) => outbox.addAndSend(draft) }));
  }

  get stats(): AlertStats {
    const heldBack = this.#watches.reduce((sum, watch) => sum + watch.heldBack, 0);
    return { met: this.#met, heldBack, ...this.#outbox.counts };
  }

  /** Whether any rule is about the event. */
  accepts(event: MeshAuditEvent): boolean {
    return this.#watches.some((watch) => watch.matches(event));
  }

  /** @throws MeshError why an alert that the event set off is not out: the target's, `adapter_failed` where that is none or is late */
  async logEvent(event: MeshAuditEvent): Promise<void> {
    if (this.#closing !== undefined) throw new MeshError('adapter_failed', 'the alert rules adapter is closed', { retryable: false });
    checkEvent(event);
    const concerned = this.#watches.filter((watch) => watch.matches(event));
    if (concerned.length === 0) return;
    if (this.#seen.add(event.id)) {
      for (const watch of concerned) {
        const { met, draft } = watch.take(event);
        if (met) this.#met++;
        if (draft !== undefined) this.#outbox.add(draft, event.id);
      }
    }
    await this.#outbox.settled(event.id);
  }

  async start(context: AdapterContext): Promise<void> {
    this.#surroundings.adopt(context);
    this.#warning = undefined;
    await this.#adapter?.start?.(context);
  }

  /** Tries alerts that are not out yet; what is held back stays so. @throws MeshError why one is not out */
  async flush(): Promise<void> {
    try {
      await this.#outbox.flush();
    } finally {
      await this.#adapter?.flush?.();
    }
  }

  /**
   * Tells what was held back, as one alert, and closes an adapter that is notified. Safe to call twice.
   * @throws MeshError `adapter_failed` that says how many alerts are lost
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#outbox.close(this.#watches.flatMap((watch) => watch.close()));
    } finally {
      await this.#adapter?.close?.();
    }
  }

  get #adapter(): ManagedAdapter | undefined {
    return hasMethod(this.#target, 'logEvent') ? (this.#target as ManagedAdapter) : undefined;
  }

  #warn(what: string, error: unknown): void {
    this.#warning ??= new ThrottledWarning(this.#surroundings.logger, this.#surroundings.clock);
    this.#warning.warn(what, { error: MeshError.from(error).message });
  }
}

function sender(target: AlertTarget): (alert: Alert) => unknown {
  if (typeof target === 'function') return target;
  if ('notify' in target && typeof target.notify === 'function') return (alert) => target.notify(alert);
  const adapter = target as ManagedAdapter;
  return (alert) => {
    const event = alertEvent(alert);
    return acceptedBy(adapter, event) ? adapter.logEvent(event) : undefined;
  };
}
