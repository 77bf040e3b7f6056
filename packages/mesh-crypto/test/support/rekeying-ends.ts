import {
  CHANNEL_RECORD_FLAG,
  FakeClock,
  type CipherSuite,
  type KeysRotated,
  type MeshError,
  type PeerIdentity,
  type RekeyTrigger,
} from '@lemur-bookstores/mesh-interface';
import { cryptoperiodOf, type RotationOptions } from '../../src/channel/cryptoperiod.js';
import { NoiseChannel, type NoiseChannelOptions } from '../../src/channel/noise-channel.js';
import { nodePrimitives } from '../../src/primitives/node-primitives.js';
import type { CryptoPrimitives } from '../../src/primitives/primitives.js';

export const PEER: PeerIdentity = { id: 'spiffe://example.org/a', trustDomain: 'example.org', serviceId: 'a', publicKey: 'x', notAfter: 0 };
export const HANDSHAKE_HASH = Buffer.alloc(32, 9);

type Role = 'initiator' | 'responder';

/** Keys of epoch 0 as a handshake gives them, in memory that the test keeps hold of. */
export function firstKeys(role: Role): { send: Buffer; receive: Buffer; rekeySecret: Buffer } {
  const [toResponder, toInitiator] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const [send, receive] = role === 'initiator' ? [toResponder, toInitiator] : [toInitiator, toResponder];
  return { send, receive, rekeySecret: Buffer.alloc(32, 3) };
}

/** One end of a session: does with records what a session does, and notes what it hears. */
export class End {
  readonly channel: NoiseChannel;
  readonly keys;
  /** Records that have left and are not there yet. */
  readonly outbox: Buffer[] = [];
  readonly received: string[] = [];
  readonly rotations: KeysRotated[] = [];
  readonly heard: string[] = [];
  spentBy: RekeyTrigger | undefined;
  failure: MeshError | undefined;

  constructor(options: Omit<NoiseChannelOptions, 'keys' | 'peer' | 'reverify' | 'handshakeHash'>) {
    this.keys = firstKeys(options.role);
    this.channel = new NoiseChannel({ ...options, keys: this.keys, peer: PEER, reverify: () => undefined, handshakeHash: HANDSHAKE_HASH });
  }

  begin(): this {
    this.channel.rekeying.start({
      send: (record) => void this.outbox.push(record),
      onRotated: (rotation) => void this.rotations.push(rotation),
      onResume: () => void this.heard.push('resume'),
      onSpent: (why, trigger) => {
        this.heard.push(`spent: ${why}`);
        this.spentBy = trigger;
      },
      onFailed: (error) => void (this.failure = error),
    });
    return this;
  }

  get rekeying(): NoiseChannel['rekeying'] {
    return this.channel.rekeying;
  }

  send(text: string, flags = 0): Buffer {
    const record = this.channel.seal(flags, [Buffer.from(text)]);
    this.outbox.push(record);
    return record;
  }

  take(record: Buffer): void {
    if (((record[0] ?? 0) & CHANNEL_RECORD_FLAG) !== 0) this.channel.rekeying.receive(record);
    else this.received.push(this.channel.open(record).toString());
  }
}

export interface EndsOptions {
  readonly suite?: CipherSuite;
  /** Of the dialler, of the acceptor. */
  readonly primitives?: readonly [CryptoPrimitives, CryptoPrimitives];
  readonly rotation?: RotationOptions;
  /** The acceptor's, where it has others. */
  readonly acceptorRotation?: RotationOptions;
  readonly epoch?: number;
  readonly random?: () => number;
}

export interface Ends {
  readonly dialler: End;
  readonly acceptor: End;
  readonly clock: FakeClock;
}

/** No wait between rekeys. */
export const AT_ONCE: RotationOptions = { minIntervalMs: 0 };

/** Both ends of a session that rekeys. */
export function endsOf(options: EndsOptions = {}): Ends {
  const { suite = 'aesgcm', primitives = [nodePrimitives, nodePrimitives], rotation = AT_ONCE, acceptorRotation = rotation, epoch, random = () => 0 } = options;
  const clock = new FakeClock();
  const end = (role: Role, own: CryptoPrimitives, itsRotation: RotationOptions): End =>
    new End({ role, suite, primitives: own, clock, random, cryptoperiod: cryptoperiodOf(itsRotation), ...(epoch === undefined ? {} : { epoch }) }).begin();
  return { dialler: end('initiator', primitives[0], rotation), acceptor: end('responder', primitives[1], acceptorRotation), clock };
}

/** One end that has not begun to rekey. */
export function silentEnd(role: Role = 'initiator'): End {
  return new End({ role, suite: 'aesgcm', primitives: nodePrimitives, clock: new FakeClock(), random: () => 0, cryptoperiod: cryptoperiodOf({ ...AT_ONCE, maxRecords: 16 }) });
}

/** Brings the oldest records over, all that there are unless told otherwise. */
export function deliver(from: End, to: End, count = Infinity): void {
  for (let index = 0; index < count; index++) {
    const record = from.outbox.shift();
    if (record === undefined) return;
    to.take(record);
  }
}

/** Brings over whatever there is, until nothing is left on the way. */
export function settle({ dialler, acceptor }: Pick<Ends, 'dialler' | 'acceptor'>): void {
  while (dialler.outbox.length + acceptor.outbox.length > 0) {
    deliver(dialler, acceptor, 1);
    deliver(acceptor, dialler, 1);
  }
}

/** By its header; which message it is stands in the ciphertext. */
export const isControl = (record: Buffer): boolean => ((record[0] ?? 0) & CHANNEL_RECORD_FLAG) !== 0;

/** Primitives whose fresh key pairs are known: each private key is 32 times the next byte. */
export function withKnownKeys(primitives: CryptoPrimitives, first: number): CryptoPrimitives {
  let next = first;
  return { ...primitives, generateKeyPair: () => primitives.importKeyPair(Buffer.alloc(32, next++)) };
}

/** Primitives that keep a copy of every block that HKDF gives: rk, kIR and kRI of each rekey, in this order. */
export function withStolenKeys(primitives: CryptoPrimitives, stolen: Buffer[]): CryptoPrimitives {
  const hash = primitives.hash('SHA256');
  return {
    ...primitives,
    hash: () => ({
      name: hash.name,
      outputBytes: hash.outputBytes,
      digest: (...parts) => hash.digest(...parts),
      hmac: (key, ...parts) => {
        const block = hash.hmac(key, ...parts);
        // Extract has one part, expand three (RFC 5869).
        if (parts.length === 3) stolen.push(Buffer.from(block));
        return block;
      },
    }),
  };
}
