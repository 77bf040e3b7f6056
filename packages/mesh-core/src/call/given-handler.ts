import { MeshError, type Logger } from '@lemur-bookstores/mesh-interface';
import { checksOf } from './handler-schemas.js';
import type { AnyHandler } from './handlers.js';
import { ValidatedHandler } from './validated-handler.js';

/**
 * The handler of what `handle(method, …)` was given: a handler, or schemas and a handler.
 * @throws MeshError `invalid_option`
 */
export function givenHandler(method: string, given: readonly unknown[], logger: Logger): AnyHandler {
  const handler = given.length > 1 ? given[1] : given[0];
  if (typeof handler !== 'function') throw new MeshError('invalid_option', `the handler of '${method}' is not a function`);
  if (given.length < 2) return handler as AnyHandler;
  return new ValidatedHandler(method, checksOf(method, given[0]), handler as AnyHandler, logger).handle;
}
