export type { Aead, AeadName, CryptoPrimitives, HashFunction, HashName, KeyPair, PrimitivesName } from './primitives/primitives.js';
export { nodePrimitives } from './primitives/node-primitives.js';
export { noblePrimitives } from './primitives/noble-primitives.js';
export { primitivesFor } from './primitives/primitives-for.js';
export { CipherState } from './noise/cipher-state.js';
export { NoiseHandshake, type HandshakeKeys, type NoiseHandshakeOptions } from './noise/noise-handshake.js';
