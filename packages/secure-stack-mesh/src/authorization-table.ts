import { RESERVED_METHODS, type Authorize } from '@lemur-bookstores/mesh-core';
import { parseSpiffeId } from '@lemur-bookstores/mesh-crypto';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { OptionProblems } from './option-problems.js';
import { isServiceId, SERVICE_ID_RULE } from './service-id.js';

/**
 * Who may call which method. A line is a method's name and whom it is for: service ids of the own trust domain, SPIFFE ids, or `'*'` for every member of it.
 * The line `'*'` is that of all methods that have none of their own. What no line is for is denied.
 */
export type AuthorizationTable = Readonly<Record<string, '*' | readonly string[]>>;

const ALL = '*';
const MAX_METHOD_BYTES = 255;
const SPIFFE = 'spiffe://';

/** Notes what is wrong with `security.authorize`, where it is a table. */
export function checkAuthorizationTable(problems: OptionProblems, path: string, table: unknown): void {
  const prototype: unknown = typeof table === 'object' && table !== null ? Object.getPrototypeOf(table) : undefined;
  // `{ __proto__: [...] }` in a source is no line, but a prototype.
  if (typeof table !== 'object' || table === null || (prototype !== null && Object.getPrototypeOf(prototype) !== null)) {
    return problems.add(path, 'must be a function (peer, method) => boolean, or a plain object: methods, and who may call them');
  }
  const lines = Object.entries(table) as [string, unknown][];
  if (lines.length === 0) problems.add(path, 'has no line, so that nobody may call anything; { method: [service ids] }');
  for (const [method, allowed] of lines) checkLine(problems, path, method, allowed);
}

function checkLine(problems: OptionProblems, path: string, method: string, allowed: unknown): void {
  const line = `${path}[${JSON.stringify(method.length > 64 ? `${method.slice(0, 64)}…` : method)}]`;
  if (RESERVED_METHODS.has(method)) problems.add(line, 'is answered to every member of the trust domain; leave it out');
  if (method === '' || Buffer.byteLength(method) > MAX_METHOD_BYTES) problems.add(line, `is no method: a text of 1 to ${MAX_METHOD_BYTES} bytes`);
  if (allowed === ALL) return;
  if (!Array.isArray(allowed)) return problems.add(line, `must be a list of service ids and SPIFFE ids, or '${ALL}' for every member of the trust domain`);
  // Not forEach(): that skips holes.
  for (const [index, id] of (allowed as unknown[]).entries()) {
    const problem = id === ALL ? `is all by itself or not there: '${ALL}' in place of the list` : problemOf(id);
    if (problem !== undefined) problems.add(`${line}[${index}]`, problem);
  }
}

function problemOf(id: unknown): string | undefined {
  if (typeof id !== 'string') return 'must be a service id or a SPIFFE id';
  if (!id.startsWith(SPIFFE)) return isServiceId(id) ? undefined : `${SERVICE_ID_RULE}; or a SPIFFE id`;
  try {
    return parseSpiffeId(id).path === '' ? 'is a trust domain, not a service of it' : undefined;
  } catch (error) {
    return MeshError.from(error).text;
  }
}

/**
 * Decides by a table that was checked. What becomes of the table afterwards does not matter.
 * @param ownTrustDomain known only once the identity is loaded; no peer comes in before
 */
export function authorizeByTable(table: AuthorizationTable, ownTrustDomain: () => string): Authorize {
  const lines = Object.entries(table).map(([method, allowed]) => [method, typeof allowed === 'string' ? allowed : [...allowed]] as const);
  let byMethod: ReadonlyMap<string, '*' | ReadonlySet<string>> | undefined;
  return ({ id }, method) => {
    byMethod ??= new Map(lines.map(([name, allowed]) => [name, allowed === ALL ? ALL : new Set(allowed.map((one) => (one.startsWith(SPIFFE) ? one : `${SPIFFE}${ownTrustDomain()}/${one}`)))]));
    const allowed = byMethod.get(method) ?? byMethod.get(ALL);
    return allowed !== undefined && (allowed === ALL || allowed.has(id));
  };
}
