import type { FaultyNetwork, Place } from './faulty-network.js';
import { TcpProxy, type Direction, type Interference, type Link } from './tcp-proxy.js';

/** What happens to connections by those in between, and, so far as a process can do it, what a network does to them. */
export const PROXY_FAULTS = ['stalled to the instance', 'stalled from the instance', 'stalled both ways', 'reset', 'delay', 'jitter', 'split', 'coalesced'] as const;
export type ProxyFault = (typeof PROXY_FAULTS)[number];

const DELAY_MS = 80;
const COALESCE_MS = 60;
const PIECE_BYTES = 7;
const HERE: Place = { prefix: [], host: '127.0.0.1' };

/** Each instance behind a proxy of its own; no root needed. */
export class ProxyNetwork implements FaultyNetwork<ProxyFault> {
  readonly caller = HERE;
  readonly instances: readonly Place[];
  readonly #ways = new Map<number, FaultyWay>();

  constructor(instances: number) {
    this.instances = Array.from({ length: instances }, () => HERE);
  }

  async reach(instance: number, port: number): Promise<{ host: string; port: number }> {
    const way = new FaultyWay();
    this.#ways.set(instance, way);
    return { host: HERE.host, port: await way.open(port) };
  }

  inflict(instance: number, fault: ProxyFault): void {
    this.#ways.get(instance)?.inflict(fault);
  }

  heal(instance: number): void {
    this.#ways.get(instance)?.inflict(undefined);
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#ways.values(), (way) => way.close()));
  }
}

/** Bytes of one connection in one direction, in order, whatever they wait for. */
interface Stream {
  readonly link: Link;
  readonly direction: Direction;
  held: Buffer[];
  timer: NodeJS.Timeout | undefined;
}

/** The way to one instance. */
class FaultyWay {
  #proxy: TcpProxy | undefined;
  readonly #streams = new Set<Stream>();
  #fault: ProxyFault | undefined;

  async open(target: number): Promise<number> {
    this.#proxy = await TcpProxy.to(target, this.#interference);
    return this.#proxy.port;
  }

  /** `undefined`: none any more. What was held back comes then, as TCP brings it again. */
  inflict(fault: ProxyFault | undefined): void {
    this.#fault = fault;
    for (const stream of [...this.#streams]) {
      if (fault === 'reset') stream.link.cut('reset');
      else if (!this.#stalls(stream.direction)) this.#release(stream);
    }
  }

  async close(): Promise<void> {
    for (const { timer } of this.#streams) clearTimeout(timer);
    await this.#proxy?.close();
  }

  readonly #interference: Interference = (link) => {
    if (this.#fault === 'reset') link.cut('reset');
    const streams = { toServer: this.#stream(link, 'toServer'), toClient: this.#stream(link, 'toClient') };
    void link.ended.then(() => {
      for (const stream of Object.values(streams)) {
        clearTimeout(stream.timer);
        this.#streams.delete(stream);
      }
    });
    return (direction, chunk) => this.#carry(streams[direction], chunk);
  };

  #stream(link: Link, direction: Direction): Stream {
    const stream: Stream = { link, direction, held: [], timer: undefined };
    this.#streams.add(stream);
    return stream;
  }

  #carry(stream: Stream, chunk: Buffer): void {
    stream.held.push(chunk);
    if (this.#stalls(stream.direction) || stream.timer !== undefined) return;
    const waitMs = { delay: DELAY_MS, jitter: Math.random() * DELAY_MS * 2, coalesced: COALESCE_MS }[this.#fault as string];
    if (waitMs === undefined) this.#release(stream);
    else stream.timer = setTimeout(() => this.#release(stream), waitMs);
  }

  #release(stream: Stream): void {
    clearTimeout(stream.timer);
    stream.timer = undefined;
    if (this.#stalls(stream.direction)) return;
    const bytes = Buffer.concat(stream.held.splice(0));
    const size = this.#fault === 'split' ? PIECE_BYTES : Math.max(1, bytes.length);
    for (let at = 0; at < bytes.length; at += size) stream.link.forward(stream.direction, bytes.subarray(at, at + size));
  }

  #stalls(direction: Direction): boolean {
    return this.#fault === 'stalled both ways' || this.#fault === (direction === 'toServer' ? 'stalled to the instance' : 'stalled from the instance');
  }
}
