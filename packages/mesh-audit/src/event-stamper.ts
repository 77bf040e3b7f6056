import type { AuditEventDetails, AuditEventInput, Clock, DeliveryContract, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import type { Acknowledgement } from './acknowledgement.js';
import { safeText, textBytes, type Redactor } from './redaction.js';
import { UuidV7 } from './uuid-v7.js';

/** An event on its way to the adapters: one object that all lanes share; adapters get {@link eventForAdapter}. */
export interface StampedEvent {
  readonly event: MeshAuditEvent;
  /** Wall-clock time of its stamp, ms since 1970. */
  readonly nowMs: number;
  /** The same on the monotonic clock, ms. */
  readonly at: number;
  /** About what it takes in memory: for the bounds of queues. */
  readonly bytes: number;
  /** A gap stands for events that were dropped, and is not counted itself. */
  readonly kind: 'event' | 'gap';
  /** Decides what is dropped for what where a lane is full. */
  readonly contract: DeliveryContract;
  /** Who waits for it. */
  readonly acknowledgement: Acknowledgement | undefined;
}

/** Events that one adapter will never get. */
export interface Gap {
  readonly count: number;
  /** Sequence numbers of the first and the last of them; what lies between may have been delivered. */
  readonly from: number;
  readonly to: number;
  /** The record's own: where it stands in the lane, never before what the adapter was given already. */
  readonly sequence: number;
  /** Default: the lane was full. */
  readonly why?: string;
}

/** The event for one delivery, with a date of its own: a Date cannot be frozen, and what one adapter did to it all others would get. */
export function eventForAdapter({ event, nowMs }: StampedEvent): MeshAuditEvent {
  return Object.freeze({ ...event, timestamp: new Date(nowMs) });
}

/** The same without the copy, which costs as much as all the rest of a delivery. */
export const eventItself = ({ event }: StampedEvent): MeshAuditEvent => event;

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Objects, date, id and numbers of an event, before its texts: an estimate of V8's heap. */
const EVENT_BYTES = 448;
const MAX_ACTION_LENGTH = 128;
const MAX_ID_LENGTH = 512;
const MAX_ERROR_LENGTH = 8_192;

/** Trace ids are short: only what is none is looked at. */
const shortId = (id: string): string => (typeof id === 'string' && id.length > MAX_ID_LENGTH ? safeText(id, MAX_ID_LENGTH) : id);

/** Makes audit events of what the parts of the mesh say: id, sequence, time and service added, redacted, frozen. */
export class EventStamper {
  readonly #clock: Clock;
  readonly #redactor: Redactor;
  readonly #messageMetadata: boolean;
  readonly #uuid = new UuidV7();
  /** Set once the mesh has said who it is; events before that carry the option's. */
  serviceId: string;
  #sequence = 0;

  /** @param messageMetadata whether message events keep their metadata */
  constructor(serviceId: string, clock: Clock, redactor: Redactor, messageMetadata: boolean) {
    this.serviceId = serviceId;
    this.#clock = clock;
    this.#redactor = redactor;
    this.#messageMetadata = messageMetadata;
  }

  /** The last sequence number given. */
  get sequence(): number {
    return this.#sequence;
  }

  /** @throws TypeError where `input` is none; no sequence number is used up then */
  stamp(input: AuditEventInput, contract: DeliveryContract, acknowledgement: Acknowledgement | undefined): StampedEvent {
    const nowMs = this.#clock.now();
    let bytes = EVENT_BYTES;

    const said = input.details;
    const details: Writable<AuditEventDetails> = { action: safeText(said.action, MAX_ACTION_LENGTH), success: said.success };
    if (said.duration !== undefined) details.duration = said.duration;
    if (said.messageCount !== undefined) details.messageCount = said.messageCount;
    if (said.error !== undefined) {
      details.error = safeText(said.error, MAX_ERROR_LENGTH);
      bytes += textBytes(details.error);
    }
    if (said.metadata !== undefined && (this.#messageMetadata || input.eventType !== 'message')) {
      const redacted = this.#redactor.redact(said.metadata);
      details.metadata = redacted.metadata;
      bytes += redacted.bytes;
    }

    const event: Writable<MeshAuditEvent> = {
      id: this.#uuid.next(nowMs),
      sequence: this.#sequence + 1,
      timestamp: new Date(nowMs),
      eventType: input.eventType,
      serviceId: this.serviceId,
      details: Object.freeze(details),
    };
    if (input.targetServiceId !== undefined) {
      event.targetServiceId = safeText(input.targetServiceId, MAX_ID_LENGTH);
      bytes += textBytes(event.targetServiceId);
    }
    if (input.trace !== undefined) event.trace = Object.freeze({ traceId: shortId(input.trace.traceId), spanId: shortId(input.trace.spanId) });
    this.#sequence++;
    return { event: Object.freeze(event), nowMs, at: this.#clock.monotonic(), bytes, kind: 'event', contract, acknowledgement };
  }

  /**
   * The record of a gap in one adapter's trail. It takes the sequence number of the last event that it stands for, or of the
   * last one before it where that is higher: a number of its own would look like a loss to all other adapters.
   */
  gap(gap: Gap): StampedEvent {
    const nowMs = this.#clock.now();
    const event: MeshAuditEvent = Object.freeze({
      id: this.#uuid.next(nowMs),
      sequence: gap.sequence,
      timestamp: new Date(nowMs),
      eventType: 'system',
      serviceId: this.serviceId,
      details: Object.freeze({
        action: 'audit.gap',
        success: false,
        error: gap.why ?? 'queue_full: events were dropped because the adapter did not keep up',
        metadata: Object.freeze({ count: gap.count, fromSequence: gap.from, toSequence: gap.to }),
      }),
    });
    return { event, nowMs, at: this.#clock.monotonic(), bytes: EVENT_BYTES, kind: 'gap', contract: 'durable', acknowledgement: undefined };
  }
}
