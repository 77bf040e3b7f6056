import { MeshError } from '@lemur-bookstores/mesh-interface';
import { answerFailure, jsonIn, type SinkAnswer } from '@lemur-bookstores/mesh-sink';

/** What Elasticsearch says in an error. */
export interface SaidError {
  readonly type?: unknown;
  readonly reason?: unknown;
}

/** Refusals that are about the cluster or the index and not the document: an operator can end them, and then the same events are taken. */
const FOR_NOW = new Set([
  'cluster_block_exception', 'index_not_found_exception', 'index_closed_exception', 'no_shard_available_action_exception',
  // A new index would have more shards than `cluster.max_shards_per_node` allows: 400.
  'validation_exception',
  // A version or a media type that this server, or what stands before it, does not know.
  'media_type_header_exception',
]);
/** The same, where the type is one that documents are refused with as well. */
const FOR_NOW_REASON = /^(?:no write index is defined for alias|pipeline with id \[.*\] does not exist|number of documents in )/i;
/** Their meaning does not depend on who says it. */
const ANYBODY_SAYS: readonly number[] = [401, 403, 413];
/** What Elasticsearch answers a request with that it could not read. */
const BAD_REQUEST = 400;

/** Whether the same events may be taken later. Pure. */
export const isForNow = ({ type, reason }: SaidError): boolean => FOR_NOW.has(String(type)) || FOR_NOW_REASON.test(String(reason));

/**
 * What an answer that is no success means; `undefined` for 2xx. Where it is not Elasticsearch that speaks (a proxy without a backend says 404, too), or where the cluster is blocked (403), nothing is refused
 * for good. Pure.
 */
export function elasticFailure(answer: SinkAnswer, where: string, now: number): MeshError | undefined {
  const failure = answerFailure(answer, where, now);
  if (failure === undefined || failure.retryable || answer.status < 400) return failure;
  const isForeign = answer.headers['x-elastic-product'] !== 'Elasticsearch' && !ANYBODY_SAYS.includes(answer.status);
  return isForeign || errorIn(answer).type === 'cluster_block_exception' ? retryable(failure) : failure;
}

/** The same for a bulk. All that can be wrong with an event is said of its item: what refuses the whole is about the address or the index, unless nobody knows. Pure. */
export function bulkFailure(answer: SinkAnswer, where: string, now: number): MeshError | undefined {
  const failure = elasticFailure(answer, where, now);
  if (failure === undefined || failure.retryable || answer.status < 400 || ANYBODY_SAYS.includes(answer.status)) return failure;
  const error = errorIn(answer);
  const isWrongAddress = String(error.reason).startsWith('no handler found');
  return answer.status !== BAD_REQUEST || isWrongAddress || isForNow(error) ? retryable(failure) : failure;
}

/** Of the body of an answer; nothing where there is none. */
export function errorIn({ text }: SinkAnswer): SaidError {
  const error = jsonIn(text)?.['error'];
  return typeof error === 'string' ? { reason: error } : typeof error === 'object' && error !== null ? error : {};
}

const retryable = ({ text }: MeshError): MeshError => new MeshError('adapter_failed', text, { retryable: true });
