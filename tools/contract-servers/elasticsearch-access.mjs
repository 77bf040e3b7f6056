// Who may do what: HTTP basic, API keys and bearer tokens; the privileges of whoever it is; and how Elasticsearch refuses. Its security layer answers without `x-elastic-product`.
import { ElasticsearchError } from './elasticsearch-errors.mjs';

/** Tokens are offered over TLS alone. */
const schemes = (isTls) => ['Basic realm="security", charset="UTF-8"', ...(isTls ? ['Bearer realm="security"'] : []), 'ApiKey'];

/** Each action with the privileges that grant it; 'index' ones name the indices in the refusal, where they are known. */
export const ACTIONS = {
  'cluster:monitor/main': ['cluster', 'monitor', 'manage', 'all'],
  'cluster:monitor/health': ['cluster', 'monitor', 'manage', 'all'],
  'cluster:admin/settings/update': ['cluster', 'manage', 'all'],
  'indices:admin/index_template/get': ['cluster', 'manage_index_templates', 'monitor', 'manage', 'all'],
  'indices:admin/index_template/put': ['cluster', 'manage_index_templates', 'manage', 'all'],
  'indices:admin/index_template/delete': ['cluster', 'manage_index_templates', 'manage', 'all'],
  'cluster:admin/ilm/get': ['cluster', 'read_ilm', 'manage_ilm', 'manage', 'all'],
  'cluster:admin/ilm/put': ['cluster', 'manage_ilm', 'manage', 'all'],
  'indices:admin/data_stream/get': ['index', 'view_index_metadata', 'manage', 'all'],
  'indices:admin/data_stream/create': ['index', 'create_index', 'manage', 'all'],
  'indices:admin/data_stream/delete': ['index', 'delete_index', 'manage', 'all'],
  'indices:admin/data_stream/lifecycle/get': ['index', 'view_index_metadata', 'manage_data_stream_lifecycle', 'manage', 'all'],
  'indices:admin/data_stream/lifecycle/put': ['index', 'manage_data_stream_lifecycle', 'manage', 'all'],
  'indices:admin/auto_create': ['index', 'auto_configure', 'create_index', 'manage', 'all'],
  'indices:admin/create': ['index', 'create_index', 'manage', 'all'],
  'indices:admin/delete': ['index', 'delete_index', 'manage', 'all'],
  'indices:admin/get': ['index', 'view_index_metadata', 'manage', 'all'],
  'indices:admin/mappings/get': ['index', 'view_index_metadata', 'manage', 'all'],
  'indices:admin/mapping/put': ['index', 'manage', 'all'],
  'indices:monitor/settings/get': ['index', 'monitor', 'view_index_metadata', 'manage', 'all'],
  'indices:admin/rollover': ['index', 'manage_follow_index', 'manage', 'all'],
  'indices:admin/refresh': ['index', 'maintenance', 'manage', 'all'],
  'indices:data/write/bulk': ['index', 'create_doc', 'create', 'delete', 'index', 'write', 'all'],
  'indices:data/write/index': ['index', 'create_doc', 'create', 'index', 'write', 'all'],
  'indices:data/read/mget': ['index', 'read', 'all'],
  'indices:data/read/get': ['index', 'read', 'all'],
  'indices:data/read/search': ['index', 'read', 'all'],
  'indices:data/read/open_point_in_time': ['index', 'read', 'all'],
  'indices:data/read/close_point_in_time': ['index', 'read', 'all'],
};

/** Those whose refusal does not say for which indices: it is not known yet. */
const WITHOUT_INDICES = ['indices:data/write/bulk', 'indices:data/read/mget', 'indices:data/read/close_point_in_time'];

/**
 * @typedef {object} Access
 * @property {Record<string, string | { password: string, privileges?: readonly string[] }>} [users] by name: the password, and privileges of this one alone
 * @property {readonly string[]} [apiKeys] `id:secret`
 * @property {readonly string[]} [tokens]
 * @property {readonly string[]} [privileges] what they all have, of the cluster and of every index. Default: `all`
 */

/** @param {Access | undefined} access `undefined`: security is off */
export function guard(access, authorization, path, isTls) {
  if (access === undefined) return { refusal: () => undefined };
  const { users = {}, apiKeys = [], tokens = [] } = access;
  let { privileges = ['all'] } = access;
  const [, scheme = '', value = ''] = /^(\S+) +(\S+)$/.exec(authorization ?? '') ?? [];
  const decoded = Buffer.from(value, 'base64').toString();
  const colon = decoded.indexOf(':');
  let who;
  const unauthenticated = (reason, more) => unauthenticatedBy(isTls, reason, more);
  const withCredentials = (additional) => unauthenticated('unable to authenticate with provided credentials and anonymous access is not allowed for this request', { additional_unsuccessful_credentials: additional });
  if (authorization === undefined) throw unauthenticated(`missing authentication credentials for REST request [${path}]`);
  switch (scheme.toLowerCase()) {
    case 'basic': {
      const name = decoded.slice(0, colon);
      const user = !Object.hasOwn(users, name) ? undefined : typeof users[name] === 'string' ? { password: users[name] } : users[name];
      if (user?.password !== decoded.slice(colon + 1)) throw unauthenticated(`unable to authenticate user [${name}] for REST request [${path}]`);
      privileges = user.privileges ?? privileges;
      who = `user [${name}] with effective roles [mesh]`;
      break;
    }
    case 'apikey':
      if (!apiKeys.includes(decoded)) throw withCredentials(`API key: apikey authentication for id ${decoded.slice(0, Math.max(0, colon))} encountered a failure`);
      who = `API key id [${decoded.slice(0, colon)}] of user [elastic]`;
      break;
    case 'bearer':
      if (!tokens.includes(value)) throw withCredentials('oauth2 token: invalid token');
      who = 'service account [mesh]';
      break;
    default:
      throw unauthenticated(`missing authentication credentials for REST request [${path}]`);
  }
  return {
    /** @returns {ElasticsearchError | undefined} why this may not be done */
    refusal(action, index) {
      const [level, ...granting] = ACTIONS[action];
      if (granting.some((privilege) => privileges.includes(privilege))) return undefined;
      const where = level === 'index' && index !== undefined && !WITHOUT_INDICES.includes(action) ? ` on indices [${index}]` : '';
      return withoutProduct(new ElasticsearchError(403, 'security_exception', `action [${action}] is unauthorized for ${who}${where}, this action is granted by the ${level} privileges [${granting.join(',')}]`));
    },
  };
}

export const unauthenticatedBy = (isTls, reason, more = {}) =>
  withoutProduct(new ElasticsearchError(401, 'security_exception', reason, { ...more, header: { 'WWW-Authenticate': schemes(isTls) } }, { 'www-authenticate': schemes(isTls).join(', ') }));
const withoutProduct = (error) => Object.assign(error, { isOfSecurity: true });
