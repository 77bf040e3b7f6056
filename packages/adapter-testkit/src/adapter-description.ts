import type { MeshAuditEvent, MeshPaths, MonitoringAdapter } from '@lemur-bookstores/mesh-interface';
import type { AdapterSupport, SinkFailureKind } from './adapter-support.js';
import type { TestRunner } from './test-runner.js';

/** What a subject is made in: of its own, each time. */
export interface TrialEnvironment {
  /** An empty folder, removed afterwards. */
  readonly directory: string;
  /** Folders in it, which `start()` gets as well. They do not exist yet. */
  readonly paths: MeshPaths;
  /** A word that no other subject gets: for names of tables, topics, indices. */
  readonly unique: string;
}

/** What the sink is to answer from here on, until `release()`. */
export interface SinkFailure {
  readonly kind: SinkFailureKind;
  /** For `throttled`: what the sink asks to wait, in ms; whole seconds. Else 0. */
  readonly retryAfterMs: number;
}

/** A sink with an adapter for it, apart from all others. */
export interface AdapterSubject {
  /** Makes an adapter for this sink, and does nothing else: constructing is looked at. Called again after the first one is closed. */
  construct(): MonitoringAdapter;
  /** What the sink holds, in the order in which it came to it. Not called where `supports.events` is false. */
  received(): readonly unknown[] | Promise<readonly unknown[]>;
  /** All that a terminal would get so far; with `supports.terminal`. */
  screen?(): string | Promise<string>;
  /** Makes the sink refuse; with `supports.failures`. */
  fail?(failure: SinkFailure): void | Promise<void>;
  /** Makes the sink take what comes and never answer; with `supports.hanging`. */
  hang?(): void | Promise<void>;
  /** Ends `fail` and `hang`. What hangs may be answered or cut off. */
  release?(): void | Promise<void>;
  /**
   * Keys, passwords and the like that the adapter was made with: looked for in everything that comes out of it, in every encoding.
   * 8 characters or more each. May be a getter, for what the adapter makes itself.
   */
  readonly secrets?: readonly string[];
  /** Called once, at the end; the adapters are closed by then. */
  dispose?(): void | Promise<void>;
}

/** What {@link describeAdapter} is told. */
export interface AdapterDescription {
  /** Name of the group of tests. */
  readonly name: string;
  /** The test runner: `{ describe, it }` of Jest, Vitest or node:test. */
  readonly runner: TestRunner;
  /** Makes a sink and the way to get adapters for it. Each call must give one that shares nothing with the others. */
  create(environment: TrialEnvironment): AdapterSubject | Promise<AdapterSubject>;
  readonly supports?: AdapterSupport;
  /**
   * What the sink holds of an event, in the form that `received()` gives it back. Both are compared as JSON. Default: the event. A sink that keeps the
   * id alone has `(event) => event.id`; two events must never come out equal.
   */
  holds?(event: MeshAuditEvent): unknown;
  /** How long the kit waits before it says that something hangs, in ms. Default 3,000: below the runners' own limits. */
  readonly patienceMs?: number;
}
