// How Elasticsearch says no.

const withoutCause = (error) => Object.fromEntries(Object.entries(error).filter(([name]) => name !== 'caused_by'));

/** An error of the API: what `handle` throws becomes its answer. No `Error`: a bulk has thousands of them, and the stacks would cost more than the documents. */
export class ElasticsearchError {
  /** @param {Record<string, unknown>} [more] further fields of the error @param {Record<string, string>} [headers] */
  constructor(status, type, reason, more = {}, headers = {}) {
    this.status = status;
    this.cause = { type, reason, ...more };
    this.headers = headers;
  }

  /** As the answer to a whole request. */
  get body() {
    // The root of errors of the parser is the innermost of its kind; else it is the error itself without its cause.
    let root = this.cause;
    while (root.type === 'x_content_parse_exception' && root.caused_by?.type === root.type) root = root.caused_by;
    return { error: { root_cause: [withoutCause(root)], ...this.cause }, status: this.status };
  }
}

export const illegalArgument = (reason, more) => new ElasticsearchError(400, 'illegal_argument_exception', reason, more);
export const invalidRequest = (...problems) => new ElasticsearchError(400, 'action_request_validation_exception', `Validation Failed: ${problems.map((problem, i) => `${i + 1}: ${problem};`).join('')}`);
export const noSuchIndex = (name, why = '') =>
  new ElasticsearchError(404, 'index_not_found_exception', `no such index [${name}]${why}`, why === '' ? { 'resource.type': 'index_or_alias', 'resource.id': name, index_uuid: '_na_', index: name } : { index_uuid: '_na_', index: name });
/** A data stream where only an index will do. */
export const dataStreamExcluded = (name) =>
  new ElasticsearchError(404, 'index_not_found_exception', `no such index [${name}]`, { 'resource.type': 'index_or_alias', excluded_ds: 'true', 'resource.id': name, index_uuid: '_na_', index: name });

/** A search that fails in every shard. */
export function searchFailed(status, type, reason, index, more = {}) {
  const error = new ElasticsearchError(status, 'search_phase_execution_exception', 'all shards failed', {
    phase: 'query', grouped: true, failed_shards: [{ shard: 0, ...(index === undefined ? {} : { index }), node: 'node-1', reason: { type, reason, ...more } }],
    ...(type === 'illegal_argument_exception' ? { caused_by: { type, reason, caused_by: { type, reason } } } : {}),
  });
  const { error: body } = error.body;
  return Object.defineProperty(error, 'body', { value: { error: { ...body, root_cause: [withoutCause({ type, reason, ...more })] }, status } });
}

/** What the parser says to a text that is not JSON. */
export const notJson = (error) =>
  /end of JSON|Expected property name|Unterminated/.test(error.message)
    ? new ElasticsearchError(400, 'x_content_e_o_f_exception', '[1:1] Unexpected end of file', { caused_by: { type: 'json_e_o_f_exception', reason: error.message } })
    : new ElasticsearchError(400, 'x_content_parse_exception', `[1:1] ${error.message}`, { caused_by: { type: 'json_parse_exception', reason: error.message } });

/** Whether `text` fits a pattern of Elasticsearch, in which `*` stands for anything. */
export const matches = (pattern, text) => (pattern.includes('*') ? new RegExp(`^${pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's').test(text) : pattern === text);
