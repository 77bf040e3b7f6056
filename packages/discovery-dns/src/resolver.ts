import type { DnsQuestion, DnsRecord } from './dns-message.js';

/** How a question is asked. */
export interface Asking {
  /** Monotonic time, in ms, by which there is an answer or an error. */
  readonly deadline: number;
}

/** What DNS says. */
export interface DnsAnswer {
  /** Records of the type that was asked for, of the name or of what it is an alias of; none: there are none (NXDOMAIN, NODATA). */
  readonly records: readonly DnsRecord[];
  /** What else came along: addresses of the targets of SRV records, mostly. */
  readonly additional: readonly DnsRecord[];
  /** How long it holds, in s: the shortest of all that it rests on. */
  readonly ttl: number;
}

/** Asks DNS. */
export interface Resolver {
  /** Where, for people. */
  readonly description: string;
  /** Keeps no process alive. @throws MeshError `discovery_failed`: no answer, or one that says nothing about the name (SERVFAIL, REFUSED …) */
  resolve(question: DnsQuestion, asking: Asking): Promise<DnsAnswer>;
  /** Ends what is under way. */
  close(): void;
}
