// The audit events of all services, as they arrived here.

/** Refusals kept with all they say; beyond it they are only counted. */
const MAX_REFUSALS = 1_000;
/** Transitions of breakers, and bursts of refused calls, kept with all they say. */
const MAX_KEPT_BACK = 1_000;
/** Changes of keys kept by id; older ones are only counted. */
const MAX_ROTATIONS = 10_000;

export class AuditTrail {
  /** Service → action → count. */
  counts = new Map();
  /** Events by process, to be compared with what each process says it recorded. */
  #byProcess = new Map();
  /** `auth.failed`: whom a service did not let in, or would not talk to. */
  refusals = [];
  /** `breaker.opened`, `breaker.half_open`, `breaker.closed`, as they came. */
  breakers = [];
  /** `rate.limited`: whom a service refused calls, and how many. */
  bursts = [];
  /** Origin of a log → the last checkpoint of it that was received here, where its owner cannot change it. */
  #checkpoints = new Map();
  /** Id of a session key that took another's place → the services that said so. Both ends of a connection name a key alike. */
  #rotations = new Map();
  #olderRotations = 0;

  /** Security events come whole. */
  take(service, pid, events) {
    for (const event of events) {
      this.#count(service, pid, event.details.action, 1);
      if (event.details.action === 'audit.checkpoint') this.#checkpoints.set(event.details.metadata.origin, event.details.metadata.note);
      if (event.details.action === 'key.rotated' && event.details.metadata.keyType === 'session') this.#rotated(service, event.details.metadata.keyId);
      if (event.details.action === 'auth.failed' && this.refusals.length < MAX_REFUSALS) this.refusals.push(refusalOf(service, event));
      if (event.eventType === 'circuit_breaker' && this.breakers.length < MAX_KEPT_BACK) this.breakers.push(transitionOf(service, pid, event));
      if (event.eventType === 'rate_limit' && this.bursts.length < MAX_KEPT_BACK) this.bursts.push(burstOf(service, event));
    }
  }

  /** Of the events of single calls only the numbers come: there are thousands a second. */
  takeCounts(service, pid, counts) {
    for (const [action, count] of Object.entries(counts)) this.#count(service, pid, action, count);
  }

  get checkpoints() {
    return [...this.#checkpoints.values()];
  }

  /** Ids of the session keys that came into use at both ends of a connection, as both said; of the newest that are kept. */
  get rotations() {
    return [...this.#rotations].filter(([, services]) => services.size > 1).map(([keyId]) => keyId);
  }

  get rotationCount() {
    return this.rotations.length + this.#olderRotations;
  }

  /** How many of them there were between two services. */
  rotationsBetween(one, other) {
    return [...this.#rotations.values()].filter((services) => services.has(one) && services.has(other)).length;
  }

  eventsOf(pid) {
    return this.#byProcess.get(pid) ?? 0;
  }

  /** What a process said of its breaker for the instances of a service. */
  breakersOf(pid, target) {
    return this.breakers.filter((breaker) => breaker.pid === pid && breaker.target === target);
  }

  /** Bursts of calls of a peer that a service refused. */
  burstsOf(service, peer) {
    return this.bursts.filter((burst) => burst.service === service && burst.peer === peer);
  }

  /** Refusals of peers from this trust domain; an audit event names the first digits of a local one. */
  refusalsOf(trustDomain) {
    return this.refusals.filter((refusal) => refusal.reason === 'peer_untrusted' && refusal.trustDomain === `${trustDomain.slice(0, 'local-0000'.length)}…`);
  }

  #rotated(service, keyId) {
    this.#rotations.set(keyId, (this.#rotations.get(keyId) ?? new Set()).add(service));
    if (this.#rotations.size <= MAX_ROTATIONS) return;
    const [[oldest, services]] = this.#rotations;
    this.#rotations.delete(oldest);
    if (services.size > 1) this.#olderRotations++;
  }

  #count(service, pid, action, count) {
    const actions = this.counts.get(service) ?? new Map();
    this.counts.set(service, actions.set(action, (actions.get(action) ?? 0) + count));
    this.#byProcess.set(pid, this.eventsOf(pid) + count);
  }
}

const STATES = { 'breaker.opened': 'open', 'breaker.half_open': 'half-open', 'breaker.closed': 'closed' };

function transitionOf(service, pid, { targetServiceId, details: { action, duration, metadata } }) {
  const { endpoint, from, failures, openForMs } = metadata;
  return { service, pid, target: targetServiceId, endpoint, from, to: STATES[action], failures, openForMs, durationMs: duration };
}

function burstOf(service, { targetServiceId, details: { messageCount = 1, metadata = {} } }) {
  return { service, peer: targetServiceId, method: metadata.method, count: messageCount };
}

function refusalOf(service, { details: { error = '', messageCount = 1, metadata = {} } }) {
  const [, trustDomain] = /^peer_untrusted: the peer's trust domain is ([^,]+), ours/.exec(error) ?? [];
  return { service, direction: metadata.direction, reason: metadata.reason, trustDomain, count: messageCount };
}
