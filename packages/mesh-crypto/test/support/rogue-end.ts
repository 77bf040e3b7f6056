import { CHANNEL_RECORD_FLAG } from '@lemur-bookstores/mesh-interface';
import { decodeControl, encodeControl, type ControlMessage } from '../../src/channel/control-message.js';
import { deriveEpoch } from '../../src/channel/key-schedule.js';
import { RecordKeys } from '../../src/channel/record-keys.js';
import { nodePrimitives } from '../../src/primitives/node-primitives.js';
import type { KeyPair } from '../../src/primitives/primitives.js';
import { firstKeys, HANDSHAKE_HASH } from './rekeying-ends.js';

const AEAD = nodePrimitives.aead('AESGCM');

/** An authenticated peer that says whatever a test wants, under whichever key it has. */
export class RogueEnd {
  readonly #role: 'initiator' | 'responder';
  #secret: Buffer;
  #epoch = 0;
  /** By epoch. */
  readonly send: RecordKeys[];
  readonly receive: RecordKeys[];
  keyPair: KeyPair = nodePrimitives.generateKeyPair();

  constructor(role: 'initiator' | 'responder') {
    const { send, receive, rekeySecret } = firstKeys(role);
    this.#role = role;
    this.#secret = rekeySecret;
    this.send = [new RecordKeys(AEAD, send)];
    this.receive = [new RecordKeys(AEAD, receive)];
  }

  /** @param flags default: of a control record */
  raw(plaintext: Uint8Array, epoch = this.#epoch, flags = CHANNEL_RECORD_FLAG): Buffer {
    return (this.send[epoch] as RecordKeys).seal(flags, [plaintext], plaintext.length);
  }

  control(message: ControlMessage, epoch = this.#epoch): Buffer {
    return this.raw(encodeControl(message), epoch);
  }

  data(text: string, epoch = this.#epoch): Buffer {
    return this.raw(Buffer.from(text), epoch, 0);
  }

  /** An honest INIT or RESP for the next epoch, with a fresh key. */
  fresh(type: 'init' | 'response'): Buffer {
    this.keyPair = nodePrimitives.generateKeyPair();
    return this.control({ type, epoch: this.#epoch + 1, publicKey: this.keyPair.publicKey });
  }

  /** Opens a record of the present epoch. */
  read(record: Buffer): Buffer {
    return (this.receive[this.#epoch] as RecordKeys).open(record);
  }

  /** Reads the victim's INIT or RESP and derives the next epoch with the own key of the moment. */
  derive(record: Buffer): void {
    const message = decodeControl(this.read(record));
    if (!('publicKey' in message)) throw new Error(`a ${message.type}`);
    const [own, theirs] = [this.keyPair.publicKey, message.publicKey];
    const initiator = this.#role === 'initiator';
    const [initiatorKey, responderKey] = initiator ? [own, theirs] : [theirs, own];
    const transcript = { handshakeHash: HANDSHAKE_HASH, epoch: message.epoch, initiatorKey, responderKey };
    const secrets = deriveEpoch(nodePrimitives.hash('SHA256'), this.#secret, this.keyPair.dh(theirs), transcript);
    const [send, receive] = initiator ? [secrets.initiatorToResponder, secrets.responderToInitiator] : [secrets.responderToInitiator, secrets.initiatorToResponder];
    this.#secret = secrets.rekeySecret;
    this.#epoch = message.epoch;
    this.send[this.#epoch] = new RecordKeys(AEAD, send, { epoch: this.#epoch });
    this.receive[this.#epoch] = new RecordKeys(AEAD, receive, { epoch: this.#epoch });
  }
}
