import { readFileSync } from 'node:fs';
import ts from 'typescript';
import * as meshPackage from '../../src/index.js';
import { isFree } from './free-port.js';

/** The user guide, byte for byte. */
const GUIDE = readFileSync(new URL('../guide/blocks.md', import.meta.url), 'utf8');

/** The code under the heading at the end of this path of headings, as it stands in the guide. */
export function guideBlock(...path: readonly string[]): string {
  let section = GUIDE;
  for (const [depth, heading] of path.entries()) {
    const marks = '#'.repeat(depth + 2);
    const starts = new RegExp(`^${marks} (?:\\d+\\. )?${heading}$`, 'm').exec(section);
    if (starts === null) throw new Error(`the guide has no heading ${path.slice(0, depth + 1).join(' > ')}`);
    const rest = section.slice(starts.index + starts[0].length);
    const ends = new RegExp(`^#{2,${depth + 2}} `, 'm').exec(rest);
    section = ends === null ? rest : rest.slice(0, ends.index);
  }
  const block = /^```typescript\n(.*?)^```$/ms.exec(section)?.[1];
  if (block === undefined) throw new Error(`no code under ${path.join(' > ')}`);
  return block;
}

/** What a block finds around it, and what is wanted of it. */
export interface GuideRun {
  /** Modules beside the mesh's own package, by the name they are imported by. */
  readonly modules?: Readonly<Record<string, object>>;
  /** What the block takes for granted, by name. Hides globals of the same name. */
  readonly names?: Readonly<Record<string, unknown>>;
  /** Variables of the block to hand out. */
  readonly wanted?: readonly string[];
}

/**
 * Runs a block of the guide as it stands there: its types are stripped, its imports answered, nothing else is changed, but for the
 * port where somebody on this machine uses it.
 */
export async function runGuideBlock(block: string, { modules = {}, names = {}, wanted = [] }: GuideRun): Promise<Record<string, unknown>> {
  const port = /port: (\d+)/.exec(block)?.[1];
  const source = port === undefined || (await isFree(Number(port))) ? block : block.replace(`port: ${port}`, 'port: 0');
  const { outputText } = ts.transpileModule(`${source}\nexports.wanted = { ${wanted.join(', ')} };`, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true },
  });
  const known: Readonly<Record<string, object>> = { '@lemur-bookstores/secure-stack-mesh': meshPackage, ...modules };
  const require = (name: string): object => {
    const found = known[name];
    if (found === undefined) throw new Error(`the block imports ${name}`);
    return found;
  };
  const exports: { wanted?: Record<string, unknown> } = {};
  const parameters = { exports, require, ...names };
  const run = new AsyncFunction(...Object.keys(parameters), outputText);
  await run(...Object.values(parameters));
  return exports.wanted ?? {};
}

const AsyncFunction = async function () {}.constructor as new (...source: string[]) => (...values: unknown[]) => Promise<void>;

/** Intervals that a block sets: run when a test says so. */
export class Intervals {
  readonly set: { readonly callback: () => Promise<void>; readonly ms: number }[] = [];
  readonly setInterval = (callback: () => Promise<void>, ms: number): void => void this.set.push({ callback, ms });
}

/** A console that remembers. */
export class ConsoleStandIn {
  readonly lines: unknown[][] = [];
  readonly log = (...values: unknown[]): void => void this.lines.push(values);
}

type Route = (request: object, response: ResponseStandIn) => Promise<void> | void;

/** What of an express application and its responses the guide uses. */
export class ExpressStandIn {
  readonly routes = new Map<string, Route>();
  readonly listening: number[] = [];

  get(path: string, route: Route): void {
    this.routes.set(path, route);
  }

  listen(port: number): void {
    this.listening.push(port);
  }

  async request(path: string): Promise<ResponseStandIn> {
    const response = new ResponseStandIn();
    await this.routes.get(path)?.({}, response);
    return response;
  }
}

export class ResponseStandIn {
  code: number | undefined;
  body: unknown;
  readonly headers: Record<string, string> = {};

  status(code: number): this {
    this.code = code;
    return this;
  }

  json(body: unknown): void {
    // As express would: a body that is no plain JSON would show here.
    this.body = JSON.parse(JSON.stringify(body)) as unknown;
  }

  set(name: string, value: string): void {
    this.headers[name] = value;
  }

  end(body: unknown): void {
    this.body = body;
  }
}
