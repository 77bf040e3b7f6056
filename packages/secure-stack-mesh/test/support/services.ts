/** What a server that was started has. */
export interface Service {
  readonly url: string;
  readonly pid: number;
  readonly folder: string;
  readonly log: string;
  stop(): Promise<void>;
}

interface Services {
  startPrometheus(config: string, files?: Readonly<Record<string, string>>): Promise<Service>;
  startPushgateway(): Promise<Service>;
  startAlertmanager(config: string): Promise<Service>;
  promtool(args: readonly string[], input?: string): Promise<{ readonly code: number; readonly output: string }>;
}

/** tools/services: real servers, on a free port of 127.0.0.1. */
export const services = (await import(new URL('../../../../tools/services/services.mjs', import.meta.url).href)) as Services;

/** The values that a query has, by their labels as JSON; empty where there is no data. */
export async function query(prometheus: Service, expression: string): Promise<Map<string, number>> {
  const response = await fetch(`${prometheus.url}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const { status, data, error } = (await response.json()) as { status: string; error?: string; data?: { result: { metric: Record<string, string>; value: [number, string] }[] } };
  if (status !== 'success') throw new Error(`${expression}: ${error ?? status}`);
  return new Map((data?.result ?? []).map(({ metric, value }) => [JSON.stringify(metric), Number(value[1])]));
}

/** Asks again until there is an answer that fits. */
export async function eventually<Answer>(what: string, ask: () => Promise<Answer | undefined>, forMs = 20_000): Promise<Answer> {
  const until = Date.now() + forMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > until) throw new Error(`not within ${forMs} ms: ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, 100));
  }
}
