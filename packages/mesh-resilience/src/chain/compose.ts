import type { InterceptedCall, Interceptor } from '@lemur-bookstores/mesh-interface';

type Next = (call: InterceptedCall) => Promise<unknown>;

/** Makes one interceptor of several, the first one outermost. Each may call on several times. */
export function compose(interceptors: readonly Interceptor[]): Interceptor {
  const [first, ...others] = interceptors;
  if (first === undefined) return (call, next) => next(call);
  if (others.length === 0) return first;
  const rest = compose(others);
  return (call, next) => first(call, (changed: InterceptedCall): ReturnType<Next> => rest(changed, next));
}
