import { MASK, NameMask, type NameMaskOptions } from './name-mask.js';
import { maskPrivateKeys } from './private-key-text.js';
import { swallowRejection } from './swallow-rejection.js';
import { ValueMac, type ValueMacOptions } from './value-mac.js';

/** What becomes of an event's metadata before any adapter sees it. */
export interface RedactionOptions extends NameMaskOptions {
  /** Masked texts, numbers and booleans become an HMAC under this salt instead of `[redacted]`: equal ones stay comparable. Default: none. */
  readonly hmac?: ValueMacOptions | undefined;
  /** Characters that a string may have; the rest is cut off, with a mark. Default 8,192. */
  readonly maxStringLength?: number | undefined;
  /** Containers that may stand within each other. Default 6. */
  readonly maxDepth?: number | undefined;
  /** Entries that a container may have. Default 64. */
  readonly maxEntries?: number | undefined;
}

/** Metadata as adapters may have it: frozen JSON without secrets. */
export interface RedactedMetadata {
  readonly metadata: Readonly<Record<string, unknown>>;
  /** About what it takes in memory. */
  readonly bytes: number;
}

/** Beyond this much an event's metadata is cut, whatever the single limits would let through. */
const MAX_BYTES = 65_536;
const MAX_NAME_LENGTH = 256;
/** Bigints beyond it are not turned into digits: that takes time with the square of their length. No number in an audit trail needs more. */
const LARGEST = 1n << 1_024n;
/** What a value takes that is not a string, and what a container or an entry adds: estimates of V8's heap. */
const VALUE_BYTES = 16;

/** What a name's value may be called where the name is a value itself: `{ name: 'password', value: '…' }`, and AWS's `Key` and `Value`. */
const LABELS = ['name', 'key', 'header', 'field', 'Name', 'Key', 'Header', 'Field'];
const LABELLED = new Set(['value', 'values', 'val', 'Value', 'Values', 'Val']);
/** A text in a list that may be the name of the one after it: raw headers, entries, arguments. */
const NAME_IN_LIST = /^[\p{L}\p{N}._-]{1,64}$/u;

/** Characters beyond `max` cut off, and said so; private keys in PEM form masked. */
export function safeText(text: string, max: number): string {
  return maskPrivateKeys(text.length <= max ? text : `${text.slice(0, max)}…[+${text.length - max} chars]`);
}

/** Frozen, and of texts, numbers and booleans alone: every look at it finds the same. */
function isConstant(metadata: object): boolean {
  if (!Object.isFrozen(metadata) || Object.getPrototypeOf(metadata) !== Object.prototype) return false;
  return Object.values(Object.getOwnPropertyDescriptors(metadata)).every(({ value }) => typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean');
}

/** A string's size in memory, at its widest: two bytes a character. */
export const textBytes = (text: string): number => VALUE_BYTES + 2 * text.length;

/**
 * Copies metadata into frozen, plain JSON: secrets masked by name, strings, containers, depth and the whole capped, cycles cut,
 * and everything that is not JSON turned into text. Bytes become their count: they may be keys or payloads.
 */
export class Redactor {
  readonly #mask: NameMask;
  readonly #mac: ValueMac | undefined;
  readonly #maxStringLength: number;
  readonly #maxDepth: number;
  readonly #maxEntries: number;
  /** What was made of metadata that cannot change: emitters that say the same with every event keep one frozen object for it. */
  readonly #constants = new WeakMap<object, RedactedMetadata>();
  /** The containers around the value at hand, and what the copy takes so far: only meaningful while `redact` runs. */
  readonly #ancestors: object[] = [];
  #bytes = 0;

  constructor(options: RedactionOptions = {}) {
    this.#mask = new NameMask(options);
    this.#mac = options.hmac === undefined ? undefined : new ValueMac(options.hmac);
    this.#maxStringLength = options.maxStringLength ?? 8_192;
    this.#maxDepth = options.maxDepth ?? 6;
    this.#maxEntries = options.maxEntries ?? 64;
  }

  /** Never throws, whatever getters, proxies or `toJSON` methods do. */
  redact(metadata: Readonly<Record<string, unknown>>): RedactedMetadata {
    const known = this.#constants.get(metadata);
    if (known !== undefined) return known;
    const redacted = this.#redact(metadata);
    if (isConstant(metadata)) this.#constants.set(metadata, redacted);
    return redacted;
  }

  #redact(metadata: Readonly<Record<string, unknown>>): RedactedMetadata {
    this.#bytes = 0;
    this.#ancestors.length = 0;
    let copy: Readonly<Record<string, unknown>>;
    try {
      copy = this.#record(metadata, Object.keys(metadata), 'top');
    } catch {
      copy = Object.freeze({ unreadable: true });
    }
    return { metadata: copy, bytes: this.#bytes };
  }

  #record(source: object, names: readonly string[], level: 'top' | 'nested'): Readonly<Record<string, unknown>> {
    const copy: Record<string, unknown> = {};
    this.#ancestors.push(source);
    const count = Math.min(names.length, this.#maxEntries);
    for (let index = 0; index < count; index++) {
      const name = names[index]!;
      // Assigning it would set the copy's prototype instead of an entry.
      if (name === '__proto__') continue;
      const hidden = this.#mask.hides(name, level) || (LABELLED.has(name) && this.#labelsSecret(source));
      const value = hidden ? this.#masked(source, name) : this.#read(source, name);
      if (value === undefined) continue;
      copy[safeText(name, MAX_NAME_LENGTH)] = value;
      this.#bytes += textBytes(name) + VALUE_BYTES;
    }
    if (names.length > count) copy['…'] = `[${names.length - count} more]`;
    this.#ancestors.pop();
    return Object.freeze(copy);
  }

  #list(source: object, items: readonly unknown[]): readonly unknown[] {
    const copy: unknown[] = [];
    this.#ancestors.push(source);
    const count = Math.min(items.length, this.#maxEntries);
    let hidden = false;
    for (let index = 0; index < count; index++) {
      copy.push(hidden ? this.#masked(items, index) : this.#read(items, index) ?? null);
      hidden = this.#isSecretName(this.#peek(items, index));
    }
    this.#bytes += count * VALUE_BYTES;
    if (items.length > count) copy.push(`[${items.length - count} more]`);
    this.#ancestors.pop();
    return Object.freeze(copy);
  }

  #masked(source: object, name: string | number): string {
    return this.#mac?.of(this.#peek(source, name)) ?? MASK;
  }

  #read(source: object, name: string | number): unknown {
    const depth = this.#ancestors.length;
    try {
      return this.#value((source as Readonly<Record<string | number, unknown>>)[name]);
    } catch {
      this.#ancestors.length = depth;
      return '[unreadable]';
    }
  }

  /** Whether the object is an entry whose name, a value here, is one to mask. */
  #labelsSecret(source: object): boolean {
    return LABELS.some((label) => this.#isSecretName(this.#peek(source, label)));
  }

  #isSecretName(value: unknown): boolean {
    return typeof value === 'string' && NAME_IN_LIST.test(value) && this.#mask.isSecret(value);
  }

  #peek(source: object, name: string | number): unknown {
    try {
      return (source as Readonly<Record<string | number, unknown>>)[name];
    } catch {
      return undefined;
    }
  }

  #value(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'boolean':
      case 'undefined':
        return value;
      case 'bigint':
        return value < LARGEST && value > -LARGEST ? this.#text(String(value)) : '[large bigint]';
      case 'object':
        return value === null ? null : this.#object(value);
      default:
        return `[${typeof value}]`;
    }
  }

  #text(whole: string): string {
    const text = safeText(whole, this.#maxStringLength);
    if (this.#bytes + textBytes(text) > MAX_BYTES) return '[cut]';
    this.#bytes += textBytes(text);
    return text;
  }

  #object(value: object): unknown {
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (this.#ancestors.includes(value)) return '[circular]';
    if (this.#ancestors.length >= this.#maxDepth) return '[deep]';
    if (this.#bytes > MAX_BYTES) return '[cut]';
    this.#bytes += 3 * VALUE_BYTES;
    if (Array.isArray(value)) return this.#list(value, value);
    if (value instanceof Set) return this.#list(value, [...value]);
    if (value instanceof Map) return this.#map(value);
    if (value instanceof Error) return this.#record({ name: value.name, message: value.message }, ['name', 'message'], 'nested');
    if (Object.prototype.toString.call(value) === '[object URL]') return this.#value(bareUrl(value as URL));
    // Objects that hold secrets print themselves as `[redacted]`: their own word goes before their fields.
    const { toJSON } = value as { readonly toJSON?: unknown };
    if (typeof toJSON === 'function') {
      const converted: unknown = Reflect.apply(toJSON, value, []);
      if (converted instanceof Promise) swallowRejection(converted);
      return this.#converted(value, converted);
    }
    return this.#record(value, Object.keys(value), 'nested');
  }

  #map(map: ReadonlyMap<unknown, unknown>): unknown {
    const entries: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [key, value] of map) entries[typeof key === 'string' ? key : `[${typeof key}]`] = value;
    return this.#record(entries, Object.keys(entries), 'nested');
  }

  /** Counts as a level of its own, so that a `toJSON` that answers with another of its kind ends. */
  #converted(source: object, value: unknown): unknown {
    this.#ancestors.push(source);
    const copy = this.#value(value);
    this.#ancestors.pop();
    return copy;
  }
}

/** Without user, password, query and fragment: credentials and tokens travel in each of them. */
function bareUrl(url: URL): string {
  const bare = new URL(url.href);
  bare.username = '';
  bare.password = '';
  bare.search = '';
  bare.hash = '';
  return bare.href;
}
