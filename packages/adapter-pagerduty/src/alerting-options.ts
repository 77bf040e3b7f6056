import type { Agent } from 'node:http';
import { OptionCheck, type Clock, type Logger } from '@lemur-bookstores/mesh-interface';
import { checkConnection, credentialOf, endpointOf, type Credential } from '@lemur-bookstores/mesh-sink';

/** PagerDuty's, least severe first. */
export const PAGER_SEVERITIES = ['info', 'warning', 'error', 'critical'] as const;

/** One of {@link PAGER_SEVERITIES}. */
export type PagerSeverity = (typeof PAGER_SEVERITIES)[number];

/** What incidents are opened for. */
export const ALERTING_RULES = ['errorBurst', 'breakerOpen', 'rateLimited', 'rotationFailed', 'rotationOverdue', 'auditLoss', 'health'] as const;

/** One of {@link ALERTING_RULES}. */
export type AlertingRule = (typeof ALERTING_RULES)[number];

/** How a rule differs from its default. */
export interface AlertingRuleOptions {
  /** Of its incidents. Default: the rule's, some by the event. */
  readonly severity?: PagerSeverity | undefined;
  /** How many happenings within `windowMs` open an incident: 1 to 1,000,000. Default 1; of `errorBurst` 5. */
  readonly count?: number | undefined;
  /** In ms, by the time of the events, to a sixtieth of it: 1,000 to 2^31-1. Default 60,000. */
  readonly windowMs?: number | undefined;
  /**
   * After how long without another happening an incident is resolved, in ms: 1,000 to 2^31-1. Default: `errorBurst`, `rateLimited` 300,000, `auditLoss` 900,000; the others end
   * with the event that says so, and not by time.
   */
  readonly calmMs?: number | undefined;
  /** What to do about it: the link in its incidents. A URL that begins with `https://` or `http://`. Default: the page of this project's documentation. */
  readonly runbook?: string | undefined;
}

/** Options of an {@link AlertingAdapter}. */
export interface AlertingAdapterOptions {
  /** Of an integration "Events API v2": 32 characters. Never printed. */
  readonly integrationKey: string | undefined;
  /** All are on; `false` switches one off. */
  readonly rules?: { readonly [Rule in AlertingRule]?: false | AlertingRuleOptions | undefined } | undefined;
  /** Part of each incident's key, and PagerDuty's `group`. Default `production`; 1 to 64 characters. */
  readonly environment?: string | undefined;
  /** Default `https://events.pagerduty.com`; the service region EU is `https://events.eu.pagerduty.com`. */
  readonly url?: string | undefined;
  /**
   * Gives each process incidents of its own: part of the key. A name of one process at a time that stays when it is replaced: five minutes after its start a process resolves what the one
   * before it has left open, and is over. Default: all instances of a service share theirs. 1 to 64 characters.
   */
  readonly instance?: string | undefined;
  /** For requests, e.g. through a proxy. It must verify certificates. Default: one of its own. */
  readonly agent?: Agent | undefined;
  /** Certificates to trust instead of the system's, PEM. */
  readonly ca?: string | readonly string[] | undefined;
  /** Default: the mesh's; without a mesh stderr. */
  readonly logger?: Logger | undefined;
  /** Default: the mesh's; without a mesh the machine's. */
  readonly clock?: Clock | undefined;
}

/** A rule with its defaults. */
export interface RuleSettings {
  /** `undefined`: by the event. */
  readonly severity: PagerSeverity | undefined;
  readonly count: number;
  readonly windowMs: number;
  /** `undefined`: not by time. */
  readonly calmMs: number | undefined;
  /** Its cause is said once and lasts: the incident is told again by time, so that nobody else's end of it is the last word. */
  readonly lasting: boolean;
  readonly runbook: string;
}

/** The rules that are on. */
export type RuleTable = Readonly<Partial<Record<AlertingRule, RuleSettings>>>;

/** The same with defaults. */
export interface CompleteAlertingOptions {
  readonly key: Credential;
  /** Whether the key takes change events: those of a ruleset, which begin with R, do not. */
  readonly takesChanges: boolean;
  readonly rules: RuleTable;
  readonly environment: string;
  readonly url: URL;
  readonly instance: string | undefined;
  readonly agent: Agent | undefined;
  readonly ca: string | readonly string[] | undefined;
  readonly logger: Logger | undefined;
  readonly clock: Clock | undefined;
}

const NAMES = ['integrationKey', 'rules', 'environment', 'url', 'instance', 'agent', 'ca', 'logger', 'clock'];
const RULE_OPTIONS = ['severity', 'count', 'windowMs', 'calmMs', 'runbook'];
const LONGEST_MS = 0x7fffffff;
const MAX_LINK = 2_048;
const KEY = /^[A-Za-z0-9]{32}$/;

const DOCS = 'https://github.com/lemur-bookstores/secure-stack-mesh/blob/main/docs';
const ONCE = { severity: undefined, count: 1, windowMs: 60_000, calmMs: undefined, lasting: false };
const DEFAULTS: Readonly<Record<AlertingRule, RuleSettings>> = {
  errorBurst: { ...ONCE, count: 5, calmMs: 300_000, runbook: `${DOCS}/adapters/pagerduty.md#what-pages` },
  breakerOpen: { ...ONCE, runbook: `${DOCS}/runbooks/breaker-open.md` },
  rateLimited: { ...ONCE, calmMs: 300_000, runbook: `${DOCS}/adapters/pagerduty.md#what-pages` },
  rotationFailed: { ...ONCE, runbook: `${DOCS}/runbooks/key-rotation-overdue.md` },
  rotationOverdue: { ...ONCE, lasting: true, runbook: `${DOCS}/adapters/pagerduty.md#what-pages` },
  auditLoss: { ...ONCE, calmMs: 900_000, runbook: `${DOCS}/runbooks/audit-loss-or-lag.md` },
  health: { ...ONCE, lasting: true, runbook: `${DOCS}/adapters/pagerduty.md#what-pages` },
};

/** @throws MeshError `invalid_option` that names every problem */
export function completeAlertingOptions(options: AlertingAdapterOptions): CompleteAlertingOptions {
  const check = new OptionCheck();
  const given: Partial<AlertingAdapterOptions> = check.isObject(options, NAMES) ? options : {};
  const { environment = 'production', instance, agent, ca, logger, clock, integrationKey } = given;
  const key = credentialOf(check, 'integrationKey', integrationKey, (value) => KEY.test(value), "an integration key of PagerDuty's Events API v2: 32 letters and digits");
  const url = endpointOf(check, 'url', given.url ?? 'https://events.pagerduty.com', { credentials: true });
  const rules = rulesOf(check, given.rules);
  checkName(check, 'environment', environment);
  checkName(check, 'instance', instance);
  checkConnection(check, { agent, ca });
  check.parts({ clock, logger });
  check.throwIfAny();
  return { key: key!, takesChanges: !key!.reveal().startsWith('R'), rules, environment, url: url!, instance, agent, ca, logger, clock };
}

function checkName(check: OptionCheck, name: string, value: unknown): void {
  check.must(name, value === undefined || (typeof value === 'string' && value.length >= 1 && value.length <= 64), 'a text of 1 to 64 characters');
}

function rulesOf(check: OptionCheck, rules: unknown): RuleTable {
  const table: Partial<Record<AlertingRule, RuleSettings>> = { ...DEFAULTS };
  if (rules === undefined || !check.isObject(rules, ALERTING_RULES, 'rules')) return table;
  for (const rule of ALERTING_RULES) {
    const given = rules[rule];
    if (given === false) delete table[rule];
    else if (given !== undefined) table[rule] = settingsOf(check, rule, given);
  }
  return table;
}

function settingsOf(check: OptionCheck, rule: AlertingRule, given: unknown): RuleSettings {
  const path = `rules.${rule}`;
  if (typeof given !== 'object' || given === null) {
    check.add(path, 'must be false or an object');
    return DEFAULTS[rule];
  }
  if (!check.isObject(given, RULE_OPTIONS, path)) return DEFAULTS[rule];
  const { severity, count, windowMs, calmMs, runbook } = given as AlertingRuleOptions;
  check.oneOf(`${path}.severity`, severity, PAGER_SEVERITIES);
  check.whole(`${path}.count`, count, 1, 1_000_000);
  check.whole(`${path}.windowMs`, windowMs, 1_000, LONGEST_MS);
  check.whole(`${path}.calmMs`, calmMs, 1_000, LONGEST_MS);
  check.must(`${path}.runbook`, runbook === undefined || isLink(runbook), `a URL of ${MAX_LINK} characters at most that begins with 'https://' or 'http://'`);
  const defaults = DEFAULTS[rule];
  return { ...defaults, severity, count: count ?? defaults.count, windowMs: windowMs ?? defaults.windowMs, calmMs: calmMs ?? defaults.calmMs, runbook: runbook ?? defaults.runbook };
}

const isLink = (value: unknown): boolean => typeof value === 'string' && value.length <= MAX_LINK && /^https?:\/\//.test(value) && URL.canParse(value);
