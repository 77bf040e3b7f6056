interface FaultPlan {
  readonly counts: Readonly<Record<string, number>>;
  set(rate: number, kinds?: readonly string[]): void;
  failNext(kind: string, options?: { readonly count?: number; readonly retryAfter?: number | string }): void;
  clear(): void;
}

/** A request as a contract server's handler gets it. */
export interface ContractRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  readonly sentBytes: number;
}

export interface ContractAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface ContractServer {
  readonly url: string;
  readonly port: number;
  readonly requests: number;
  readonly faults: FaultPlan;
  start(): Promise<this>;
  stop(): Promise<void>;
  down(): Promise<void>;
  up(): Promise<void>;
  release(): void;
}

interface ContractServers {
  ContractServer: new (options: {
    handle(request: ContractRequest): ContractAnswer;
    refuse(status: number, headers: Readonly<Record<string, string>>): ContractAnswer;
    maxBodyBytes?: number;
    tls?: { readonly key: string; readonly cert: string };
    faults?: { readonly rate?: number; readonly kinds?: readonly string[]; readonly seed?: number };
  }) => ContractServer;
}

/** tools/contract-servers: the base of the servers that answer as a vendor's API does. */
export const { ContractServer: ContractServerOf } = (await import(new URL('../../../../tools/contract-servers/contract-server.mjs', import.meta.url).href)) as ContractServers;
