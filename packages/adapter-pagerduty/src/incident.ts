import type { MeshError } from '@lemur-bookstores/mesh-interface';
import { PAGER_SEVERITIES, type PagerSeverity, type RuleSettings } from './alerting-options.js';
import { RecentHappenings } from './recent-happenings.js';
import type { Fact, Signal } from './rules.js';
import type { Teller, TellerCall } from './teller.js';

/** An open incident whose cause repeats, or lasts, is told again no more often than this; what was refused is tried again. */
const REPEAT_MS = 300_000;
/** One that is raised so soon after it was resolved is the same trouble still. */
const FLAP_MS = 300_000;
const HOLD_MS = 60_000;
const LONGEST_HOLD_MS = 900_000;
const MAX_PARTS = 1_000;
const TRIES_AT_ONCE = 3;

/** When it opens, when it ends by time, and whether it is told again by time. */
export type IncidentSettings = Pick<RuleSettings, 'count' | 'windowMs' | 'calmMs' | 'lasting'> & { readonly runbook?: string };

/** What an incident is about. */
export interface IncidentSubject {
  /** PagerDuty's `dedup_key`. */
  readonly key: string;
  readonly rule: Signal['rule'];
  readonly service: string;
  readonly target: string | undefined;
}

/**
 * One incident: whether it should be open (`raised`), and what PagerDuty has been told. Pure: all times are given, in ms of one monotonic clock. A level and no queue: what
 * changes before a call is made is in that call.
 */
export class Incident implements Teller {
  readonly type = 'incident';
  readonly key: string;
  readonly subject: IncidentSubject;
  readonly runbook: string | undefined;
  readonly #settings: IncidentSettings;
  /** Those that do not yet make an incident. */
  readonly #recent: RecentHappenings;
  #level: 'raised' | 'calm' = 'calm';
  /** `unsure`: a call that would have opened or resolved it has failed, perhaps after it arrived. */
  #told: 'nothing' | 'open' | 'resolved' | 'unsure' = 'nothing';
  /** There was trouble that nobody has been told of, though it may be over. */
  #owesTrigger = false;
  #repeated = false;
  #underWay: TellerCall | undefined;
  #refusals = 0;
  #retryAt = 0;
  #flaps = 0;
  #raisedAt = 0;
  #changedAt = 0;
  #triggeredAt = 0;
  #resolvedAt = -Infinity;
  #holdUntil = 0;
  #toldSeverity: PagerSeverity = 'info';
  severity: PagerSeverity = 'info';
  refusal: MeshError | undefined;
  /** Happenings since it was opened. */
  count = 0;
  first: Fact | undefined;
  last: Fact | undefined;
  /** What keeps it open. */
  readonly parts = new Set<string>();
  /** Of an alert: in place of the rule's own words. */
  summary: string | undefined;

  constructor(subject: IncidentSubject, settings: IncidentSettings) {
    this.key = subject.key;
    this.subject = subject;
    this.runbook = settings.runbook;
    this.#settings = settings;
    this.#recent = new RecentHappenings(settings.windowMs);
  }

  get isRaised(): boolean {
    return this.#level === 'raised';
  }

  /** At PagerDuty, as far as is known. */
  get isOpen(): boolean {
    return this.#told === 'open';
  }

  get rank(): number {
    return PAGER_SEVERITIES.indexOf(this.severity);
  }

  /** It happened. */
  raise({ part, severity, weight, fact }: Signal, now: number): void {
    this.#changedAt = now;
    if (this.parts.size < MAX_PARTS) this.parts.add(part);
    if (this.#level === 'raised') {
      this.#repeated = true;
      this.count += weight;
    } else {
      this.#recent.add(fact, weight);
      if (this.#recent.sum < this.#settings.count) return;
      this.#open(this.#recent.sum, now);
    }
    this.last = fact;
    this.#raisedAt = now;
    if (PAGER_SEVERITIES.indexOf(severity) > this.rank) this.severity = severity;
    // Its cause repeats: another try for what was refused.
    if (this.#refusals < TRIES_AT_ONCE) this.#retryAt = 0;
  }

  /** It is over, for this part of it. */
  calm(part: string, now: number): void {
    this.#changedAt = now;
    this.parts.delete(part);
    if (this.parts.size === 0) this.#end(now);
  }

  /** Parts that are not among these are over. */
  keep(isKept: (part: string) => boolean, now: number): void {
    for (const part of [...this.parts]) if (!isKept(part)) this.calm(part, now);
  }

  /** That the process before may have left open; a resolve that finds no open alert is dropped by PagerDuty. */
  adopt(): void {
    this.#level = 'calm';
    this.#told = 'unsure';
  }

  /** No more waiting for another flap: the process ends. */
  endHold(now: number): void {
    this.#holdUntil = Math.min(this.#holdUntil, now);
  }

  /** Ends it if that is due by time. */
  tick(now: number): void {
    if (now < this.#endAt) return;
    this.parts.clear();
    this.#end(now);
  }

  owes(now: number): TellerCall | undefined {
    const next = this.#next();
    return next === undefined || now < next.at ? undefined : next.call;
  }

  dueAt(now: number): number {
    const callAt = this.#next()?.at ?? 0;
    return Math.min(this.#endAt, callAt > now ? callAt : Infinity);
  }

  begun(call: TellerCall, now: number): void {
    this.#underWay = call;
    if (call === 'resolve') return;
    this.#repeated = false;
    this.#triggeredAt = now;
    this.#toldSeverity = this.severity;
  }

  told(now: number): void {
    const call = this.#ended();
    this.#forgive();
    this.#told = call === 'resolve' ? 'resolved' : 'open';
    if (call === 'resolve') this.#resolvedAt = now;
    else this.#owesTrigger = false;
  }

  /** Nobody knows whether the call arrived. */
  failed(): void {
    const call = this.#ended();
    if (call !== 'update') this.#told = 'unsure';
    this.#repeated ||= call === 'update';
    if (call === 'update') this.#triggeredAt = -Infinity;
  }

  /** Never again for the same happening: the next try is for another one, or by time. What is refused may be due to something between us and PagerDuty, and be over soon. */
  refused(error: MeshError, now: number): void {
    const call = this.#ended();
    // It is open: only what was added to it waits.
    this.#repeated ||= call === 'update';
    if (call === 'update') return;
    this.refusal = error;
    this.#refusals++;
    this.#retryAt = now + REPEAT_MS;
    // Over, and nobody was told: nothing is left to be said.
    if (call === 'trigger' && this.#level === 'calm') this.#owesTrigger = false;
  }

  /** Something about it that matters is not told, for whatever reason. */
  get isUntold(): boolean {
    return this.#underWay !== undefined || (this.#next()?.call ?? 'update') !== 'update';
  }

  /** Whether all of it is told and over. */
  isSettled(): boolean {
    return this.#underWay === undefined && !this.#owesTrigger && this.#level === 'calm' && (this.#told === 'nothing' || this.#told === 'resolved');
  }

  /** Whether nothing has to be remembered of it, either: what might become an incident yet, or be a flap of this one. */
  isForgettable(now: number): boolean {
    return this.isSettled() && now >= this.#resolvedAt + FLAP_MS && now >= this.#changedAt + this.#settings.windowMs;
  }

  #open(count: number, now: number): void {
    const isHeld = this.#told === 'open' && this.#underWay !== 'resolve';
    if (!isHeld) {
      // A resolve that is under way, or perhaps arrived, counts as one.
      const isFlap = this.#told !== 'nothing' && (this.#told !== 'resolved' || now < this.#resolvedAt + FLAP_MS);
      this.#flaps = isFlap ? this.#flaps + 1 : 0;
      // Another incident as far as anybody is told.
      if (!this.#owesTrigger) [this.count, this.first, this.severity] = [0, this.#recent.first, 'info'];
      this.#owesTrigger = true;
    }
    this.#repeated = isHeld;
    this.#forgive();
    this.count += count;
    this.#level = 'raised';
    this.#recent.clear();
  }

  #end(now: number): void {
    if (this.#level !== 'raised') return;
    this.#level = 'calm';
    this.#holdUntil = this.#flaps === 0 ? now : now + Math.min(HOLD_MS * 2 ** (this.#flaps - 1), LONGEST_HOLD_MS);
    // Refused, and over: nothing is left to be said.
    if (this.refusal === undefined || this.#underWay !== undefined) return;
    this.#owesTrigger = false;
    this.#forgive();
  }

  get #endAt(): number {
    return this.#level === 'raised' ? this.#raisedAt + (this.#settings.calmMs ?? Infinity) : Infinity;
  }

  /** The call that is owed, and from when on. */
  #next(): { readonly call: TellerCall; readonly at: number } | undefined {
    if (this.#underWay !== undefined) return undefined;
    if (this.#owesTrigger) return { call: 'trigger', at: this.#retryAt };
    if (this.#level === 'calm') return this.#told === 'open' || this.#told === 'unsure' ? { call: 'resolve', at: Math.max(this.#holdUntil, this.#retryAt) } : undefined;
    if (this.rank > PAGER_SEVERITIES.indexOf(this.#toldSeverity)) return { call: 'update', at: 0 };
    return this.#repeated || this.#settings.lasting ? { call: 'update', at: this.#triggeredAt + REPEAT_MS } : undefined;
  }

  #ended(): TellerCall | undefined {
    const call = this.#underWay;
    this.#underWay = undefined;
    return call;
  }

  #forgive(): void {
    this.refusal = undefined;
    this.#refusals = 0;
    this.#retryAt = 0;
  }
}
