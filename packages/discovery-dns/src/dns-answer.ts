import type { AliasRecord, DnsQuestion, DnsRecord, DnsResponse } from './dns-message.js';
import type { DnsAnswer } from './resolver.js';

const NO_ERROR = 0;
const NXDOMAIN = 3;
const CODES = ['no error', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
/** Aliases of aliases: more are a mistake, or malice. */
const MAX_ALIASES = 8;

/**
 * What a response says about a question.
 * @throws Error with a text to go behind the server's name
 */
export function readAnswer(question: DnsQuestion, { code, answers, additional, negativeTtl, isReferral }: DnsResponse): DnsAnswer {
  if (code !== NO_ERROR && code !== NXDOMAIN) throw new Error(`answered ${CODES[code] ?? `with code ${code}`}`);
  const { name, ttl } = followAliases(question.name, answers);
  const records = answers.filter((record) => record.name === name && record.type === question.type);
  if (records.length > 0) return { records, additional, ttl: records.reduce((least, record) => Math.min(least, record.ttl), ttl) };
  if (code === NO_ERROR && isReferral) throw new Error('refers to other servers: it does not resolve names itself');
  return { records, additional, ttl: Math.min(negativeTtl, ttl) };
}

/** The name at the end of a chain of aliases, and how long the chain holds. Records of other names are of no interest, whoever sent them. */
function followAliases(start: string, answers: readonly DnsRecord[]): { readonly name: string; readonly ttl: number } {
  let name = start;
  let ttl = Infinity;
  for (let aliases = 0; aliases <= MAX_ALIASES; aliases++) {
    const alias = answers.find((record): record is AliasRecord => record.type === 'CNAME' && record.name === name);
    if (alias === undefined) return { name, ttl };
    name = alias.target;
    ttl = Math.min(ttl, alias.ttl);
  }
  throw new Error(`answered with more than ${MAX_ALIASES} aliases of one name, or a ring of them`);
}
