import type { BreakerTicket, MeshError } from '@lemur-bookstores/mesh-interface';
import { WheelEntry } from './deadline-wheel.js';

/** A request whose answer is awaited. */
export abstract class PendingCall extends WheelEntry {
  /** Its id in the session it was written to. */
  id = 0;
  /** What the endpoint's breaker gave for it. */
  ticket: BreakerTicket = 0;
  /** What goes before the body: see Packer.request. */
  /** Of the message, with the body's kind. */
  abstract readonly flags: number;
  abstract readonly method: Buffer;
  abstract readonly extras: Buffer | undefined;
  abstract readonly body: string | Uint8Array | undefined;

  /** @returns what is wrong with the answer */
  abstract onResponse(flags: number, buffer: Buffer, start: number, end: number): MeshError | undefined;
  abstract onFailure(error: MeshError): void;
  /** The peer vouches that it has not run, and will not: it may be sent elsewhere. */
  abstract onNotProcessed(): void;
}
