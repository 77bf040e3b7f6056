import type { DatadogLog } from '../../src/datadog-log.js';

/** A point of a series that the server has kept. */
export interface HeldPoint {
  readonly metric: string;
  readonly type: number;
  readonly interval: number | undefined;
  readonly tags: readonly string[];
  readonly host: string | undefined;
  readonly unit: string | undefined;
  readonly timestamp: number;
  readonly value: number;
}

/** What tools/contract-servers/datadog.mjs is, for tests in TypeScript. */
export interface DatadogServer {
  readonly url: string;
  readonly port: number;
  readonly logsUrl: string;
  readonly metricsUrl: string;
  readonly requests: number;
  readonly log: readonly { readonly path: string; readonly headers: Readonly<Record<string, string | undefined>>; readonly sentBytes: number }[];
  readonly logs: readonly HeldLog[];
  readonly ids: ReadonlyMap<string, number>;
  readonly points: readonly HeldPoint[];
  readonly losses: Readonly<Record<string, number>>;
  readonly faults: {
    readonly counts: Readonly<Record<string, number>>;
    set(rate: number, kinds?: readonly string[]): void;
    failNext(kind: string, options?: { readonly count?: number; readonly retryAfter?: number | string }): void;
    clear(): void;
  };
  pointsOf(metric: string, ...tags: string[]): readonly HeldPoint[];
  sumOf(metric: string, ...tags: string[]): number;
  start(): Promise<this>;
  stop(): Promise<void>;
  down(): Promise<void>;
  up(): Promise<void>;
  release(): void;
}

/** A log as it came. */
export type HeldLog = DatadogLog & { readonly mesh: { readonly truncated?: { readonly parts: readonly string[]; readonly bytes: number }; readonly metadata_text?: string } };

export interface DatadogServerOptions {
  readonly apiKey: string;
  readonly now?: () => number;
  readonly limits?: { readonly logsBytes?: number; readonly logs?: number; readonly seriesBytes?: number; readonly sentSeriesBytes?: number };
  readonly keep?: 'all' | 'ids';
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly faults?: { readonly rate?: number; readonly kinds?: readonly string[]; readonly seed?: number };
}

/** The contract server of Datadog. */
export const { DatadogServer: DatadogServerOf } = (await import(new URL('../../../../tools/contract-servers/datadog.mjs', import.meta.url).href)) as {
  readonly DatadogServer: new (options: DatadogServerOptions) => DatadogServer;
};

/** Every fault that a contract server knows to play. */
export const { FAULTS } = (await import(new URL('../../../../tools/contract-servers/fault-plan.mjs', import.meta.url).href)) as { readonly FAULTS: readonly string[] };
