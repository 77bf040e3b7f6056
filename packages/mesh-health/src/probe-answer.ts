import type { HealthCheckResult } from '@lemur-bookstores/mesh-interface';

/** By draft-inadarei-api-health-check: `pass` and `warn` go with 200, `fail` with 503. */
export type ProbeStatus = 'pass' | 'warn' | 'fail';

/** What a probe found. */
export interface ProbeFinding {
  readonly status: ProbeStatus;
  /** In a few words, for whoever asked for details. */
  readonly reason?: string;
  readonly checks?: Readonly<Record<string, HealthCheckResult>>;
}

/** An HTTP answer, whoever sends it. */
export interface ProbeAnswer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const STATUS = { healthy: 'pass', degraded: 'warn', unhealthy: 'fail' } as const;

/** @param details whether the body says why, and what each check found; without, it is the status alone */
export function probeAnswer({ status, reason, checks }: ProbeFinding, details: boolean, serviceId: string | undefined): ProbeAnswer {
  const body = details
    ? { status, ...(serviceId === undefined ? {} : { serviceId }), ...(reason === undefined ? {} : { output: reason }), ...(checks === undefined ? {} : { checks: detailed(checks) }) }
    : { status };
  return answer(status === 'fail' ? 503 : 200, textOf(body, status), 'application/health+json');
}

/** Details of a monitor that is none of ours may be no JSON: the status is told all the same. */
function textOf(body: object, status: ProbeStatus): string {
  try {
    return JSON.stringify(body);
  } catch {
    return JSON.stringify({ status, output: 'the checks have details that are no JSON' });
  }
}

/** For any other method than GET and HEAD. */
export const methodNotAllowed: ProbeAnswer = answer(405, '', undefined, { Allow: 'GET, HEAD' });

/** For a path that is no probe's, where nobody else is asked. */
export const notFound: ProbeAnswer = answer(404, '', undefined);

function answer(code: number, body: string, type: string | undefined, more: Readonly<Record<string, string>> = {}): ProbeAnswer {
  const headers = { ...(type === undefined ? {} : { 'Content-Type': type }), 'Content-Length': String(Buffer.byteLength(body)), 'Cache-Control': 'no-store', ...more };
  return Object.freeze({ code, headers: Object.freeze(headers), body });
}

/** As the draft has it: by name, a list of one. */
const detailed = (checks: Readonly<Record<string, HealthCheckResult>>): Record<string, readonly object[]> =>
  Object.fromEntries(
    Object.entries(checks).map(([name, { status, timestamp, error, details }]) => [
      name,
      [{ status: STATUS[status], time: timestamp, ...(error === undefined ? {} : { output: error }), ...(details === undefined ? {} : { details }) }],
    ]),
  );

/** A check's status, or an overall one, as a probe's. */
export const probeStatusOf = (status: HealthCheckResult['status']): ProbeStatus => STATUS[status];
