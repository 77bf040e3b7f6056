import { MeshError, type HealthCheckResult, type HealthStatus } from '@lemur-bookstores/mesh-interface';
import { NO_RESULT, worstStatus } from './check-result.js';
import { probeStatusOf, type ProbeFinding } from './probe-answer.js';
import type { Probe } from './probe-options.js';

/** What probes ask of a monitor. A `HealthMonitor` is one. */
export interface ProbedMonitor {
  health(maxWaitMs?: number): Promise<{ readonly status: HealthStatus; readonly checks: Readonly<Record<string, HealthCheckResult>> }>;
  getTaggedResults(tags: readonly string[]): Readonly<Record<string, HealthCheckResult>>;
}

/** What probes ask of a mesh. A `SecureMesh` is one. */
export interface ProbedMesh {
  readonly serviceId?: string;
  readonly health: ProbedMonitor;
  /** Whether `initialize()` is done, now or once. */
  readonly started: boolean;
  /** Whether it takes calls and is not about to end. */
  readonly ready: boolean;
}

/** Whom a probe looks at: a mesh, or a monitor alone. */
export type ProbeSource = ProbedMesh | ProbedMonitor;

/** How long a probe waits for checks that are running, in ms: Kubernetes gives up after 1,000. */
const MAX_WAIT_MS = 50;

/** @internal Answers what probes ask. */
export class ProbedSource {
  readonly serviceId: string | undefined;
  readonly #mesh: ProbedMesh | undefined;
  readonly #monitor: ProbedMonitor;
  /** Startup is over once it was: Kubernetes asks for it no more then, and others should not see it fail again. */
  #hasStarted = false;

  /** @throws MeshError `invalid_option` */
  constructor(source: ProbeSource) {
    this.#mesh = isMesh(source) ? source : undefined;
    const monitor: unknown = this.#mesh === undefined ? source : this.#mesh.health;
    if (!isMonitor(monitor)) throw new MeshError('invalid_option', 'probes() takes a SecureMesh or a HealthMonitor as its first argument');
    this.#monitor = monitor;
    this.serviceId = this.#mesh?.serviceId;
  }

  /** Never rejects, and never waits for long. */
  async find({ kind, tags }: Probe): Promise<ProbeFinding> {
    try {
      switch (kind) {
        case 'live':
          return this.#live(tags);
        case 'ready':
          return await this.#ready(tags);
        case 'startup':
          return await this.#startup(tags);
      }
    } catch (error) {
      return { status: 'fail', reason: MeshError.from(error).message };
    }
  }

  /** That this runs at all is the answer. Checks that were named count once they say that they are unhealthy: "not known yet" is no reason to restart. */
  #live(tags: readonly string[] | undefined): ProbeFinding {
    if (tags === undefined) return { status: 'pass' };
    const checks = Object.fromEntries(Object.entries(this.#monitor.getTaggedResults(tags)).filter(([, { error }]) => error !== NO_RESULT));
    return { status: worst(checks) === 'unhealthy' ? 'fail' : 'pass', checks };
  }

  async #ready(tags: readonly string[] | undefined): Promise<ProbeFinding> {
    const { status, checks } = await this.#look(tags);
    if (this.#mesh?.ready === false) return { status: 'fail', reason: this.#mesh.started ? 'the mesh is about to end, or has ended' : 'initialize() is not done', checks };
    return { status: probeStatusOf(status), checks };
  }

  async #startup(tags: readonly string[] | undefined): Promise<ProbeFinding> {
    if (this.#hasStarted) return { status: 'pass' };
    if (this.#mesh?.started === false) return { status: 'fail', reason: 'initialize() is not done' };
    if (this.#mesh === undefined || tags !== undefined) {
      const { status, checks } = await this.#look(tags);
      if (status === 'unhealthy') return { status: 'fail', checks };
    }
    this.#hasStarted = true;
    return { status: 'pass' };
  }

  async #look(tags: readonly string[] | undefined): Promise<{ readonly status: HealthStatus; readonly checks: Readonly<Record<string, HealthCheckResult>> }> {
    const overall = await this.#monitor.health(MAX_WAIT_MS);
    if (tags === undefined) return overall;
    const checks = this.#monitor.getTaggedResults(tags);
    // A tag that no check has is a typing error, or the checks are not there yet.
    return { status: Object.keys(checks).length === 0 ? 'unhealthy' : worst(checks), checks };
  }
}

const worst = (checks: Readonly<Record<string, HealthCheckResult>>): HealthStatus => worstStatus(Object.values(checks).map(({ status }) => status));

/** A monitor has a method of that name. */
const isMesh = (source: ProbeSource): source is ProbedMesh => typeof (source as Partial<ProbedMesh> | undefined)?.health === 'object';

const isMonitor = (value: unknown): value is ProbedMonitor =>
  typeof (value as Partial<ProbedMonitor> | null | undefined)?.health === 'function' && typeof (value as ProbedMonitor).getTaggedResults === 'function';
