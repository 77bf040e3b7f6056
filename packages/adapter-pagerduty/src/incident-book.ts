import type { AlertingRule, RuleTable } from './alerting-options.js';
import { Incident, type IncidentSettings } from './incident.js';
import { dedupKeyOf } from './pager-payload.js';
import type { Signal } from './rules.js';

/** Options of an {@link IncidentBook}. */
export interface IncidentBookOptions {
  readonly rules: RuleTable;
  readonly environment: string;
  readonly instance: string | undefined;
  readonly onForgotten: (incident: Incident) => void;
}

/** What an incident is about; but for alerts its key follows from it. */
export type IncidentAbout = Pick<Signal, 'rule' | 'service' | 'target'>;

const MAX_INCIDENTS = 1_000;
/** Keys that this process has opened, or ended for the one before. */
const MAX_KNOWN = 10_000;
/** Names what found no room of its own. */
const OTHER = '_OTHER';
/** Incidents that nothing else would end: alerts, and those of what found no room. */
const DEFAULT_CALM_MS = 900_000;

const ALERT: IncidentSettings = { count: 1, windowMs: 60_000, calmMs: DEFAULT_CALM_MS, lasting: false };

/** The incidents there are, by key: at most 1,000, and one for each rule that stands for all that found no room. */
export class IncidentBook {
  readonly #options: IncidentBookOptions;
  readonly #incidents = new Map<string, Incident>();
  readonly #others = new Map<Signal['rule'], Incident>();
  readonly #known = new Set<string>();

  constructor(options: IncidentBookOptions) {
    this.#options = options;
  }

  get incidents(): Iterable<Incident> {
    return [...this.#incidents.values(), ...this.#others.values()];
  }

  /**
   * @param key where the incident has a key already: of an alert
   * @returns the incident that it is about; none where there is nothing to end
   */
  apply(signal: Signal, now: number, key = this.#keyOf(signal)): Incident | undefined {
    if (signal.level === 'calm') return this.#calm(signal, key, now);
    const incident = this.#incidents.get(key) ?? this.#add(signal, key, now) ?? this.#other(signal);
    incident.raise(signal, now);
    if (incident.isRaised) this.#remember(incident.key);
    return incident;
  }

  /** @returns the incident if it may have been left open by a process before: none where this process has had it */
  inherit(subject: IncidentAbout, now: number): Incident | undefined {
    const key = this.#keyOf(subject);
    return this.#known.has(key) ? undefined : this.#adopt(subject, key, now);
  }

  /** The process of a service begins: what one before had is over with it, but for what ends by time. @returns what that may have ended */
  restarted(service: string, now: number): readonly Incident[] {
    const ended = [...this.incidents].filter(({ subject }) => subject.service === service && this.#settingsOf(subject.rule).calmMs === undefined);
    for (const incident of ended) incident.keep(() => false, now);
    return ended;
  }

  /** What nothing has to be remembered of goes. */
  sweep(now: number): void {
    for (const incident of this.#incidents.values()) if (incident.isForgettable(now)) this.#forget(incident);
  }

  #calm(signal: Signal, key: string, now: number): Incident | undefined {
    const known = this.#incidents.get(key);
    if (this.#known.has(key)) {
      known?.calm(signal.part, now);
      return known;
    }
    return signal.adopts ? this.#adopt(signal, key, now) : undefined;
  }

  #adopt(subject: IncidentAbout, key: string, now: number): Incident | undefined {
    const incident = this.#incidents.get(key) ?? this.#add(subject, key, now);
    incident?.adopt();
    this.#remember(key);
    return incident;
  }

  #add({ rule, service, target }: IncidentAbout, key: string, now: number): Incident | undefined {
    if (this.#incidents.size >= MAX_INCIDENTS) this.#makeRoom(now);
    if (this.#incidents.size >= MAX_INCIDENTS) return undefined;
    const incident = new Incident({ key, rule, service, target }, this.#settingsOf(rule));
    this.#incidents.set(key, incident);
    return incident;
  }

  #makeRoom(now: number): void {
    this.sweep(now);
    if (this.#incidents.size < MAX_INCIDENTS) return;
    for (const incident of this.#incidents.values()) {
      if (!incident.isSettled()) continue;
      this.#forget(incident);
      return;
    }
  }

  #forget(incident: Incident): void {
    this.#incidents.delete(incident.key);
    this.#options.onForgotten(incident);
  }

  #other({ rule, service }: Signal): Incident {
    const known = this.#others.get(rule);
    if (known !== undefined) return known;
    const settings = this.#settingsOf(rule);
    const key = this.#keyOf({ rule, service, target: OTHER });
    const incident = new Incident({ key, rule, service, target: OTHER }, { ...settings, calmMs: settings.calmMs ?? DEFAULT_CALM_MS });
    this.#others.set(rule, incident);
    return incident;
  }

  #settingsOf(rule: Signal['rule']): IncidentSettings {
    return this.#options.rules[rule as AlertingRule] ?? ALERT;
  }

  #keyOf({ rule, service, target }: IncidentAbout): string {
    const { environment, instance } = this.#options;
    return dedupKeyOf([environment, service, rule, target, instance]);
  }

  #remember(key: string): void {
    this.#known.add(key);
    if (this.#known.size <= MAX_KNOWN) return;
    for (const oldest of this.#known) {
      // One that is open is not forgotten: it would be taken for that of a process before.
      if (this.#incidents.get(oldest)?.isRaised === true) continue;
      this.#known.delete(oldest);
      return;
    }
  }
}
