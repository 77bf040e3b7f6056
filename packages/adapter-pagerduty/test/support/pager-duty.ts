/** An alert as the contract server keeps it. */
export interface ContractAlert {
  readonly dedupKey: string;
  readonly status: 'open' | 'resolved';
  readonly opened: number;
  readonly triggers: number;
  readonly resolves: number;
  readonly payload: Readonly<Record<string, unknown>> & { readonly summary: string; readonly severity: string; readonly custom_details: Readonly<Record<string, unknown>> };
}

/** `PagerDutyEvents` of tools/contract-servers/pagerduty.mjs, for tests in TypeScript. */
export interface PagerDutyEvents {
  readonly alerts: ReadonlyMap<string, ContractAlert>;
  readonly changes: readonly (Readonly<Record<string, unknown>> & { readonly summary: string })[];
  readonly history: readonly { readonly at: number; readonly action: string; readonly dedupKey: string | undefined; readonly status: number }[];
  readonly counts: Readonly<Record<'triggers' | 'deduplicated' | 'acknowledges' | 'resolves' | 'droppedResolves' | 'changes' | 'invalid' | 'throttled', number>>;
  readonly open: readonly string[];
  readonly mostCallsInWindow: number;
  answer(method: string, path: string, body: string): { readonly status: number; readonly headers?: Record<string, string>; readonly body: Record<string, unknown> };
}

/** `PagerDutyServer` of the same. */
export interface PagerDutyServer {
  readonly url: string;
  readonly requests: number;
  readonly log: readonly { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string | undefined>> }[];
  readonly events: PagerDutyEvents;
  readonly faults: {
    readonly counts: Readonly<Record<string, number>>;
    set(rate: number, kinds?: readonly string[]): void;
    failNext(kind: string, options?: { readonly count?: number; readonly retryAfter?: number | string }): void;
    clear(): void;
  };
  start(): Promise<this>;
  stop(): Promise<void>;
  down(): Promise<void>;
  up(): Promise<void>;
  release(): void;
}

interface Options {
  readonly keys?: readonly string[];
  readonly now?: () => number;
  readonly tls?: { readonly key: string; readonly cert: string };
}

const contract = (await import(new URL('../../../../tools/contract-servers/pagerduty.mjs', import.meta.url).href)) as {
  readonly CONTRACT_KEY: string;
  readonly PagerDutyEvents: new (options?: Options) => PagerDutyEvents;
  readonly PagerDutyServer: new (options?: Options) => PagerDutyServer;
};

export const { CONTRACT_KEY } = contract;

export const pagerDutyEvents = (options?: Options): PagerDutyEvents => new contract.PagerDutyEvents(options);

export const pagerDutyServer = (options?: Options): Promise<PagerDutyServer> => new contract.PagerDutyServer(options).start();
