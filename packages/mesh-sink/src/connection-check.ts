import type { OptionCheck } from '@lemur-bookstores/mesh-interface';

/**
 * The options `agent` and `ca` of an adapter: an agent of node:http or node:https that does not switch the verification of certificates off, which would hold whatever else
 * is asked for; certificates in PEM, one text or several. Either may be left out.
 */
export function checkConnection(check: OptionCheck, { agent, ca }: { readonly agent: unknown; readonly ca: unknown }): void {
  check.must('agent', agent === undefined || isAgent(agent), 'an Agent of node:http or node:https');
  const { rejectUnauthorized } = (isAgent(agent) ? agent.options : undefined) ?? {};
  if (rejectUnauthorized === false) check.add('agent', 'must verify certificates: leave out rejectUnauthorized, and give a CA of your own with the option ca');
  const cas: unknown[] = Array.isArray(ca) ? ca : [ca];
  check.must('ca', ca === undefined || (cas.length > 0 && cas.every((pem) => typeof pem === 'string' && pem.includes('-----BEGIN CERTIFICATE-----'))), 'certificates in PEM: one text, or several');
}

/** By what Node.js calls: agents of other packages need not be instances of its class. */
function isAgent(value: unknown): value is { readonly options?: { readonly rejectUnauthorized?: unknown } } {
  return typeof value === 'object' && value !== null && 'addRequest' in value && typeof value.addRequest === 'function';
}
