import { MeshError } from '@lemur-bookstores/mesh-interface';
import { Random } from './random.js';
import type { TestMesh } from './test-bed.js';

/** A JSON body; those of raw bytes begin with the same numbers, as u32. */
interface Body {
  readonly key: number;
  readonly caller: number;
  readonly step: number;
  readonly padding: string;
}

interface Api {
  json(body: Body): Body;
  bytes(body: Uint8Array): Uint8Array;
}

/** When a call is cancelled: before it is made, in the turn that makes it, in the next one, while its fragments or its answer are on the way. */
const MOMENTS = ['before', 'at once', 'next turn', 'later'] as const;

/** No order is kept between this call and others. */
const NO_STEP = 0;
const HEAD_BYTES = 12;
const TEXT = Array.from({ length: 4_096 }, (_, index) => index.toString(36)).join('');
const LONG_TEXT = TEXT.repeat(40);

export interface CallPlan {
  readonly calls: number;
  /** Ends it before all are made. */
  readonly until?: () => boolean;
  /** Callers at once, each of whom makes one call after the other, or a few small ones in one turn. */
  readonly callers: number;
  /** Of one body, in bytes: the smallest need fragments. Default 300,000 to 500,000. */
  readonly largest?: number;
  /** One call in so many has such a body, as JSON or as raw bytes. Default 200. */
  readonly largeEvery?: number;
  /** Small calls made in one turn. Default 8; with 1 nobody's calls are under way at once. */
  readonly burst?: number;
  /** Called every so often, between two calls. */
  readonly meanwhile?: { readonly every: number; readonly act: () => void };
}

/** Calls that carry their number: counted where they run and where they end, what comes back compared with what was sent. */
export class CountedCalls {
  readonly #random: Random;
  readonly #runs: number[] = [];
  readonly #outcomes: number[] = [];
  /** The last step of each caller that a handler saw. */
  readonly #steps = new Map<number, number>();
  readonly #problems: string[] = [];
  readonly counts = { answered: 0, cancelled: 0, large: 0 };
  #callers = 0;

  constructor(random = new Random()) {
    this.#random = random;
  }

  get made(): number {
    return this.#outcomes.length;
  }

  handleAt({ mesh }: TestMesh): void {
    mesh.handle<Body>('json', (body) => (this.#ran(body.key, body.caller, body.step), body));
    // Some answers come in the same turn, some later.
    mesh.handle<Uint8Array>('bytes', async (bytes) => {
      const { key, caller, step } = headOf(bytes);
      this.#ran(key, caller, step);
      if (key % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      return bytes;
    });
  }

  /** Makes all calls of a plan. */
  async call({ mesh }: TestMesh, serviceId: string, plan: CallPlan): Promise<void> {
    const client = mesh.connect<Api>(serviceId);
    const { calls, burst = 8, largeEvery = 200, largest = 500_000 } = plan;
    let left = calls;
    const caller = async (): Promise<void> => {
      const own = this.#callers++;
      let step = NO_STEP;
      while (left > 0 && plan.until?.() !== true) {
        const dice = this.#random.below(largeEvery * 10);
        const isLarge = dice % largeEvery === 0;
        const together = isLarge || dice % 10 === 1 ? 1 : Math.min(left, 1 + this.#random.below(burst));
        left -= together;
        const turn: Promise<void>[] = [];
        for (let index = 0; index < together; index++) {
          const key = this.#next();
          if (plan.meanwhile !== undefined && key % plan.meanwhile.every === 0) plan.meanwhile.act();
          const length = isLarge ? largest - this.#random.below(Math.max(1, largest - 300_000)) : this.#random.below(200);
          if (isLarge) this.counts.large++;
          if (dice % 10 === 1) turn.push(this.#cancelled(client, key, own, length));
          else turn.push(this.#answered(client, key, own, isLarge && this.#random.below(3) === 0 ? NO_STEP : ++step, length));
        }
        await Promise.all(turn);
      }
    };
    await Promise.all(Array.from({ length: plan.callers }, caller));
  }

  /** What is wrong: empty where each call ended once, and each that was not cancelled ran once, in its caller's order, and was answered with its own body. */
  problems(): string[] {
    const wrong = [...this.#problems];
    this.#outcomes.forEach((outcomes, key) => {
      if (outcomes !== 1) wrong.push(`call ${key} ended ${outcomes} times`);
      if ((this.#runs[key] as number) > 1) wrong.push(`call ${key} ran ${this.#runs[key]} times`);
    });
    return wrong.slice(0, 20);
  }

  #next(): number {
    this.#runs.push(0);
    return this.#outcomes.push(0) - 1;
  }

  #ran(key: number, caller: number, step: number): void {
    this.#runs[key]!++;
    if (step === NO_STEP) return;
    const last = this.#steps.get(caller) ?? NO_STEP;
    if (step !== last + 1) this.#problems.push(`caller ${caller}: step ${step} ran after step ${last}`);
    this.#steps.set(caller, step);
  }

  async #answered(client: Client, key: number, caller: number, step: number, length: number): Promise<void> {
    try {
      await this.#echo(client, { key, caller, step, padding: paddingOf(key, length) });
      this.#ended(key);
      this.counts.answered++;
      if (this.#runs[key] !== 1) this.#problems.push(`call ${key} was answered and ran ${this.#runs[key]} times`);
    } catch (error) {
      this.#ended(key);
      this.#problems.push(`call ${key} failed: ${MeshError.from(error).message}`);
    }
  }

  /** It may have been answered all the same; if it says that it has not run, it never does. */
  async #cancelled(client: Client, key: number, caller: number, length: number): Promise<void> {
    const controller = new AbortController();
    const moment = MOMENTS[this.#random.below(MOMENTS.length)];
    if (moment === 'before') controller.abort();
    const outcome = this.#echo(client, { key, caller, step: NO_STEP, padding: paddingOf(key, length) }, controller.signal);
    if (moment === 'at once') controller.abort();
    if (moment === 'next turn') setImmediate(() => controller.abort());
    if (moment === 'later') setTimeout(() => controller.abort(), this.#random.below(5));
    try {
      await outcome;
      this.#ended(key);
      this.counts.answered++;
    } catch (error) {
      this.#ended(key);
      this.counts.cancelled++;
      const { code, mayHaveRun, message } = MeshError.from(error);
      if (code !== 'CANCELLED') this.#problems.push(`call ${key} was cancelled and failed: ${message}`);
      if (mayHaveRun === false) this.#runs[key]! += 1;
    }
  }

  async #echo(client: Client, body: Body, signal?: AbortSignal): Promise<void> {
    const options = signal === undefined ? {} : { signal };
    if (body.key % 4 !== 0) {
      const answer = await client.call('json', body, options);
      if (answer.key !== body.key || answer.step !== body.step || answer.padding !== body.padding) this.#problems.push(`call ${body.key} has another's answer`);
      return;
    }
    const bytes = bytesOf(body);
    const answer = await client.call('bytes', bytes, options);
    if (!Buffer.from(answer.buffer, answer.byteOffset, answer.length).equals(bytes)) this.#problems.push(`call ${body.key} has another's answer`);
  }

  #ended(key: number): void {
    this.#outcomes[key]!++;
  }
}

interface Client {
  call<Method extends keyof Api>(method: Method, input: Parameters<Api[Method]>[0], options: { signal?: AbortSignal }): Promise<ReturnType<Api[Method]>>;
}

/** Of two calls never the same. */
function paddingOf(key: number, length: number): string {
  let text = length <= 1_000 ? TEXT.slice(key % 7_000, (key % 7_000) + length) : LONG_TEXT.slice(key % 7_000);
  while (text.length < length) text += LONG_TEXT;
  return text.slice(0, length);
}

function bytesOf({ key, caller, step, padding }: Body): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + padding.length);
  [key, caller, step].forEach((number, index) => bytes.writeUInt32BE(number, 4 * index));
  bytes.write(padding, HEAD_BYTES, 'latin1');
  return bytes;
}

function headOf(bytes: Uint8Array): Omit<Body, 'padding'> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, HEAD_BYTES);
  return { key: view.readUInt32BE(0), caller: view.readUInt32BE(4), step: view.readUInt32BE(8) };
}
