import type { MeshError } from '@lemur-bookstores/mesh-interface';
import { PAGER_SEVERITIES, type PagerSeverity, type RuleSettings } from './alerting-options.js';
import type { Fact, Signal } from './rules.js';
import type { Teller, TellerCall } from './teller.js';

/** An open incident whose cause repeats is told again no more often than this. */
const REPEAT_MS = 300_000;
/** One that is raised so soon after it was resolved is the same trouble still. */
const FLAP_MS = 300_000;
const HOLD_MS = 60_000;
const LONGEST_HOLD_MS = 900_000;
const MAX_PARTS = 1_000;
const BUCKETS = 60;
const TRIES_AT_ONCE = 3;

/** When it opens, and when it ends by time. */
export type IncidentSettings = Pick<RuleSettings, 'count' | 'windowMs' | 'calmMs'>;

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
  readonly #settings: IncidentSettings;
  /** Happenings that do not yet make an incident: within `windowMs` by the time of their events, those of a sixtieth of it together. */
  #recent: { readonly fact: Fact; weight: number }[] = [];
  #level: 'raised' | 'calm' = 'calm';
  /** `unsure`: a call that would have resolved it has failed, perhaps after it arrived. */
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
    this.#settings = settings;
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
    if (this.#level === 'raised') {
      this.#repeated = true;
      this.count += weight;
    } else {
      this.#countRecent(fact, weight);
      const sum = this.#recent.reduce((total, each) => total + each.weight, 0);
      if (sum < this.#settings.count) return;
      this.#open(sum, now);
    }
    this.last = fact;
    this.#raisedAt = now;
    if (PAGER_SEVERITIES.indexOf(severity) > this.rank) this.severity = severity;
    if (this.parts.size < MAX_PARTS) this.parts.add(part);
    // Its cause repeats: another try for what was refused.
    if (this.refusal !== undefined && now >= this.#retryAt) this.#owesTrigger ||= this.#told !== 'open';
  }

  /** It is over, for this part of it. */
  calm(part: string, now: number): void {
    this.#changedAt = now;
    this.parts.delete(part);
    this.#recent = [];
    if (this.parts.size === 0) this.#end(now);
  }

  /** Parts that are not among these are over. */
  keep(isKept: (part: string) => boolean, now: number): void {
    if (this.#level !== 'raised') return;
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
    const { calmMs } = this.#settings;
    if (this.#level === 'raised' && calmMs !== undefined && now >= this.#raisedAt + calmMs) {
      this.parts.clear();
      this.#recent = [];
      this.#end(now);
    }
  }

  owes(now: number): TellerCall | undefined {
    if (this.#underWay !== undefined) return undefined;
    if (this.#owesTrigger) return 'trigger';
    if (this.#level === 'raised') {
      const isWorse = this.rank > PAGER_SEVERITIES.indexOf(this.#toldSeverity);
      return this.#told === 'open' && (isWorse || (this.#repeated && now >= this.#triggeredAt + REPEAT_MS)) ? 'update' : undefined;
    }
    return (this.#told === 'open' || this.#told === 'unsure') && now >= this.#holdUntil ? 'resolve' : undefined;
  }

  dueAt(now: number): number {
    if (this.#level !== 'raised') return (this.#told === 'open' || this.#told === 'unsure') && this.#holdUntil > now ? this.#holdUntil : Infinity;
    const { calmMs } = this.#settings;
    const updateAt = this.#told === 'open' && this.#repeated ? this.#triggeredAt + REPEAT_MS : 0;
    return Math.min(calmMs === undefined ? Infinity : this.#raisedAt + calmMs, updateAt > now ? updateAt : Infinity);
  }

  begun(call: TellerCall, now: number): void {
    this.#underWay = call;
    if (call === 'resolve') return;
    this.#repeated = false;
    this.#triggeredAt = now;
    this.#toldSeverity = this.severity;
  }

  told(now: number): void {
    const call = this.#underWay;
    this.#underWay = undefined;
    this.refusal = undefined;
    this.#refusals = 0;
    if (call === 'resolve') {
      this.#told = 'resolved';
      this.#resolvedAt = now;
    } else {
      this.#told = 'open';
      this.#owesTrigger = false;
    }
  }

  /** Nobody knows whether the call arrived. */
  failed(): void {
    const call = this.#underWay;
    this.#underWay = undefined;
    if (call === 'resolve') this.#told = 'unsure';
    if (call !== 'update') return;
    this.#repeated = true;
    this.#triggeredAt -= REPEAT_MS;
  }

  /** Never again as it is: the next try is for another happening. */
  refused(error: MeshError, now: number): void {
    const call = this.#underWay;
    this.#underWay = undefined;
    // It is open: only what was added to it is lost.
    if (call === 'update') return;
    this.refusal = error;
    this.#retryAt = ++this.#refusals < TRIES_AT_ONCE ? now : now + REPEAT_MS;
    this.#told = 'nothing';
    // After a resolve: raised again meanwhile.
    if (call === 'trigger') this.#owesTrigger = false;
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
      if (!this.#owesTrigger) this.#restart();
      this.#owesTrigger = true;
    }
    this.count += count;
    this.#level = 'raised';
    this.#recent = [];
  }

  /** Another incident as far as anybody is told. */
  #restart(): void {
    this.count = 0;
    this.first = this.#recent[0]?.fact;
    this.severity = 'info';
  }

  #end(now: number): void {
    if (this.#level !== 'raised') return;
    this.#level = 'calm';
    this.#repeated = false;
    this.#holdUntil = this.#flaps === 0 ? now : now + Math.min(HOLD_MS * 2 ** (this.#flaps - 1), LONGEST_HOLD_MS);
    // Refused for good, and over: nothing is left to be said.
    if (this.#told === 'nothing' && !this.#owesTrigger) this.refusal = undefined;
  }

  #countRecent(fact: Fact, weight: number): void {
    const { windowMs } = this.#settings;
    this.#recent = this.#recent.filter((each) => Math.abs(fact.at - each.fact.at) < windowMs);
    const last = this.#recent.at(-1);
    if (last !== undefined && fact.at >= last.fact.at && fact.at - last.fact.at < windowMs / BUCKETS) last.weight += weight;
    else this.#recent.push({ fact: { ...fact, metadata: {} }, weight });
    if (this.#recent.length > 2 * BUCKETS) this.#recent.shift();
  }
}
