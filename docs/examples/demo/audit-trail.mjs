// The audit events of all services, as they arrived here.

/** Refusals kept with all they say; beyond it they are only counted. */
const MAX_REFUSALS = 1_000;

export class AuditTrail {
  /** Service → action → count. */
  counts = new Map();
  /** Events by process, to be compared with what each process says it recorded. */
  #byProcess = new Map();
  /** `auth.failed`: whom a service did not let in, or would not talk to. */
  refusals = [];
  /** Origin of a log → the last checkpoint of it that was received here, where its owner cannot change it. */
  #checkpoints = new Map();

  /** Security events come whole. */
  take(service, pid, events) {
    for (const event of events) {
      this.#count(service, pid, event.details.action, 1);
      if (event.details.action === 'audit.checkpoint') this.#checkpoints.set(event.details.metadata.origin, event.details.metadata.note);
      if (event.details.action === 'auth.failed' && this.refusals.length < MAX_REFUSALS) this.refusals.push(refusalOf(service, event));
    }
  }

  /** Of the events of single calls only the numbers come: there are thousands a second. */
  takeCounts(service, pid, counts) {
    for (const [action, count] of Object.entries(counts)) this.#count(service, pid, action, count);
  }

  get checkpoints() {
    return [...this.#checkpoints.values()];
  }

  eventsOf(pid) {
    return this.#byProcess.get(pid) ?? 0;
  }

  /** Refusals of peers from this trust domain; an audit event names the first digits of a local one. */
  refusalsOf(trustDomain) {
    return this.refusals.filter((refusal) => refusal.reason === 'peer_untrusted' && refusal.trustDomain === `${trustDomain.slice(0, 'local-0000'.length)}…`);
  }

  #count(service, pid, action, count) {
    const actions = this.counts.get(service) ?? new Map();
    this.counts.set(service, actions.set(action, (actions.get(action) ?? 0) + count));
    this.#byProcess.set(pid, this.eventsOf(pid) + count);
  }
}

function refusalOf(service, { details: { error = '', messageCount = 1, metadata = {} } }) {
  const [, trustDomain] = /^peer_untrusted: the peer's trust domain is ([^,]+), ours/.exec(error) ?? [];
  return { service, direction: metadata.direction, reason: metadata.reason, trustDomain, count: messageCount };
}
