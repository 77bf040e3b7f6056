import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { AeadName, HashName } from '../primitives/primitives.js';

/** A step within a handshake message (Noise rev 34, sections 7.1 and 9). */
export type NoiseToken = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss' | 'psk';

/** What a protocol name stands for. */
export interface NoiseProtocol {
  readonly name: string;
  /** Public keys known beforehand: the initiator's, then the responder's. */
  readonly preMessages: readonly [readonly NoiseToken[], readonly NoiseToken[]];
  /** Alternating, the initiator's first. */
  readonly messages: readonly (readonly NoiseToken[])[];
  /** Whether all messages go from initiator to responder. */
  readonly oneWay: boolean;
  readonly pskCount: number;
  readonly aead: AeadName;
  readonly hash: HashName;
}

/** Pre-message of the initiator, pre-message of the responder, message 1, message 2 … (rev 34, sections 7.4, 7.5 and 18.1). */
const PATTERNS: ReadonlyMap<string, readonly [string, string, ...string[]]> = new Map([
  // One-way
  ['N', ['', 's', 'e es']],
  ['K', ['s', 's', 'e es ss']],
  ['X', ['', 's', 'e es s ss']],
  // Fundamental
  ['NN', ['', '', 'e', 'e ee']],
  ['NK', ['', 's', 'e es', 'e ee']],
  ['NX', ['', '', 'e', 'e ee s es']],
  ['XN', ['', '', 'e', 'e ee', 's se']],
  ['XK', ['', 's', 'e es', 'e ee', 's se']],
  ['XX', ['', '', 'e', 'e ee s es', 's se']],
  ['KN', ['s', '', 'e', 'e ee se']],
  ['KK', ['s', 's', 'e es ss', 'e ee se']],
  ['KX', ['s', '', 'e', 'e ee se s es']],
  ['IN', ['', '', 'e s', 'e ee se']],
  ['IK', ['', 's', 'e es s ss', 'e ee se']],
  ['IX', ['', '', 'e s', 'e ee se s es']],
  // Deferred
  ['NK1', ['', 's', 'e', 'e ee es']],
  ['NX1', ['', '', 'e', 'e ee s', 'es']],
  ['X1N', ['', '', 'e', 'e ee', 's', 'se']],
  ['X1K', ['', 's', 'e es', 'e ee', 's', 'se']],
  ['XK1', ['', 's', 'e', 'e ee es', 's se']],
  ['X1K1', ['', 's', 'e', 'e ee es', 's', 'se']],
  ['X1X', ['', '', 'e', 'e ee s es', 's', 'se']],
  ['XX1', ['', '', 'e', 'e ee s', 'es s se']],
  ['X1X1', ['', '', 'e', 'e ee s', 'es s', 'se']],
  ['K1N', ['s', '', 'e', 'e ee', 'se']],
  ['K1K', ['s', 's', 'e es', 'e ee', 'se']],
  ['KK1', ['s', 's', 'e', 'e ee se es']],
  ['K1K1', ['s', 's', 'e', 'e ee es', 'se']],
  ['K1X', ['s', '', 'e', 'e ee s es', 'se']],
  ['KX1', ['s', '', 'e', 'e ee se s', 'es']],
  ['K1X1', ['s', '', 'e', 'e ee s', 'se es']],
  ['I1N', ['', '', 'e s', 'e ee', 'se']],
  ['I1K', ['', 's', 'e es s', 'e ee', 'se']],
  ['IK1', ['', 's', 'e s', 'e ee se es']],
  ['I1K1', ['', 's', 'e s', 'e ee es', 'se']],
  ['I1X', ['', '', 'e s', 'e ee s es', 'se']],
  ['IX1', ['', '', 'e s', 'e ee se s', 'es']],
  ['I1X1', ['', '', 'e s', 'e ee s', 'se es']],
]);

const NAME = /^Noise_([A-Z0-9]+)((?:psk\d)(?:\+psk\d)*)?_25519_(AESGCM|ChaChaPoly)_(SHA256|SHA512|BLAKE2s|BLAKE2b)$/;

/**
 * Takes a Noise protocol name apart, e.g. `Noise_XXpsk3_25519_AESGCM_SHA256`.
 * @throws MeshError `invalid_option` for anything but the patterns of rev 34 with psk modifiers, 25519, and the AEADs and hashes here
 */
export function parseProtocolName(name: string): NoiseProtocol {
  const match = NAME.exec(name);
  const pattern = PATTERNS.get(match?.[1] ?? '');
  if (match === null || pattern === undefined) throw new MeshError('invalid_option', `unknown Noise protocol '${name}'`);
  const [initiatorKeys, responderKeys, ...bodies] = pattern;
  const messages = bodies.map(tokens);
  const modifiers = match[2]?.split('+') ?? [];
  for (const modifier of new Set(modifiers)) insertPsk(messages, Number(modifier.slice('psk'.length)), name);
  if (new Set(modifiers).size !== modifiers.length) throw new MeshError('invalid_option', `a psk modifier twice in '${name}'`);
  return {
    name,
    preMessages: [tokens(initiatorKeys), tokens(responderKeys)],
    messages,
    oneWay: bodies.length === 1,
    pskCount: modifiers.length,
    aead: match[3] as AeadName,
    hash: match[4] as HashName,
  };
}

const tokens = (text: string): NoiseToken[] => (text === '' ? [] : (text.split(' ') as NoiseToken[]));

/** `psk0` stands before message 1, `pskN` after message N (rev 34, section 9.4). */
function insertPsk(messages: NoiseToken[][], position: number, name: string): void {
  const message = messages[Math.max(0, position - 1)];
  if (message === undefined) throw new MeshError('invalid_option', `psk${position} is beyond the last message in '${name}'`);
  if (position === 0) message.unshift('psk');
  else message.push('psk');
}
