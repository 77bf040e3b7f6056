import { nodePrimitives } from './node-primitives.js';
import { noblePrimitives } from './noble-primitives.js';
import type { AeadName, CryptoPrimitives, HashName, PrimitivesName } from './primitives.js';

/**
 * The primitives of that name. Without a name: node's, or noble's where node lacks one of the algorithms that are needed.
 * @param needs default: none, which makes node's the default
 */
export function primitivesFor(name?: PrimitivesName, needs: readonly (AeadName | HashName)[] = []): CryptoPrimitives {
  if (name !== undefined) return name === 'node' ? nodePrimitives : noblePrimitives;
  return needs.every((algorithm) => nodePrimitives.supports(algorithm)) ? nodePrimitives : noblePrimitives;
}
