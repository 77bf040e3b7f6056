/** Where the admin endpoint of a mesh listens, and who may use all of it. */
export interface AdminOptions {
  /** Port to listen on; 0 = any free port. */
  readonly port: number;
  /** Address to listen on. Default `127.0.0.1`. On any that other machines reach there are probes and metrics only, unless there is a token. */
  readonly host?: string;
  /** What callers show as `Authorization: Bearer` for everything but probes and metrics: 16 to 512 characters of ASCII without spaces. Default: none. */
  readonly token?: string;
}

const KNOWN = ['port', 'host', 'token'];
const SHORTEST_TOKEN = 16;
const LONGEST_TOKEN = 512;

/** What is wrong with them, each by its path from `admin` on; a token is never repeated. */
export function adminOptionProblems(options: unknown): string[] {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return ['admin: must be an object { port, host, token }'];
  const problems = Object.keys(options)
    .filter((key) => !KNOWN.includes(key))
    .map((key) => `admin.${key}: is not an option; known here: ${KNOWN.join(', ')}`);
  const { port, host, token } = options as Readonly<Record<string, unknown>>;
  if (port === undefined) problems.push('admin.port: is required; 0 = any free port');
  else if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > 65_535) problems.push('admin.port: must be a whole number from 0 to 65535');
  if (host !== undefined && (typeof host !== 'string' || host === '')) problems.push('admin.host: must be a text that is not empty');
  if (token !== undefined && (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token) || token.length < SHORTEST_TOKEN || token.length > LONGEST_TOKEN)) {
    problems.push(`admin.token: must have ${SHORTEST_TOKEN} to ${LONGEST_TOKEN} characters of ASCII without spaces, as 'openssl rand -hex 32' gives`);
  }
  return problems;
}
