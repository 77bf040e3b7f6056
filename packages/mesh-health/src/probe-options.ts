import { MeshError } from '@lemur-bookstores/mesh-interface';

/** One probe: where it is, and what it looks at. */
export interface ProbeOptions {
  /** Its path, from `/` on. */
  readonly path?: string;
  /** The checks that count: those with one of these tags, critical or not. */
  readonly tags?: readonly string[];
}

/** Options of `probes()`. A text stands for `{ path }`, `false` for no such probe. */
export interface ProbesOptions {
  /** Whether the process should be restarted. Default path `/health/live`; counts no check unless tags say so. */
  readonly live?: string | false | ProbeOptions;
  /** Whether it should get traffic. Default path `/health/ready`; counts the critical checks, or those with the tags. */
  readonly ready?: string | false | ProbeOptions;
  /** Whether it has started. Default path `/health/startup`. With tags: not before none of those checks is unhealthy. */
  readonly startup?: string | false | ProbeOptions;
  /** Whether bodies say which checks failed and why. Errors may name hosts: only where no stranger asks. Default false. */
  readonly details?: boolean;
}

/** @internal */
export type ProbeKind = 'live' | 'ready' | 'startup';

/** @internal */
export interface Probe {
  readonly kind: ProbeKind;
  readonly tags: readonly string[] | undefined;
}

/** @internal */
export interface CompleteProbesOptions {
  readonly byPath: ReadonlyMap<string, Probe>;
  readonly details: boolean;
}

const KINDS: readonly ProbeKind[] = ['live', 'ready', 'startup'];

/** @throws MeshError `invalid_option` that names every problem */
export function completeProbesOptions(options: ProbesOptions): CompleteProbesOptions {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) throw new MeshError('invalid_option', 'options: must be an object');
  const problems = Object.keys(options).filter((key) => key !== 'details' && !KINDS.includes(key as ProbeKind)).map((key) => `${key}: is not an option; known here: ${KINDS.join(', ')}, details`);
  const byPath = new Map<string, Probe>();
  for (const kind of KINDS) {
    const probe = options[kind] ?? {};
    if (probe === false) continue;
    if (typeof probe !== 'string' && (typeof probe !== 'object' || Array.isArray(probe))) {
      problems.push(`${kind}: must be a path, false or an object { path, tags }`);
      continue;
    }
    const { path = `/health/${kind}`, tags } = typeof probe === 'string' ? { path: probe } : probe;
    if (typeof path !== 'string' || !/^\/[^?#\s]*$/.test(path)) problems.push(`${kind}.path: must begin with / and have neither ? nor #`);
    else if (byPath.has(path)) problems.push(`${kind}.path: ${path} is another probe's`);
    else byPath.set(path, { kind, tags });
    if (tags !== undefined && !(Array.isArray(tags) && tags.length > 0 && tags.every((tag) => typeof tag === 'string' && tag !== ''))) problems.push(`${kind}.tags: must be a list of texts that is not empty`);
  }
  if (options.details !== undefined && typeof options.details !== 'boolean') problems.push('details: must be true or false');
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
  return { byPath, details: options.details ?? false };
}
