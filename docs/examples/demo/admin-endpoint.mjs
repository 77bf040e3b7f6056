// A service's admin endpoint as whoever operates it sees it, over HTTP: its readiness, and its metrics.
import { relative } from 'node:path';
import { PROGRAM } from './officer.mjs';

const ANSWER_WITHIN_MS = 5_000;

/** Calls of this service to others that have ended, by the code they ended with. */
const CALLS_ENDED = /^mesh_calls_ended_total\{[^}]*direction="outbound"[^}]*\} (\d+)$/gm;

export class AdminEndpoint {
  url;

  constructor(port) {
    this.url = `http://127.0.0.1:${port}`;
  }

  /** What shows the same on a terminal, as it can be typed where the demo was started. */
  get command() {
    return `node ${relative(process.cwd(), PROGRAM)} status --url ${this.url}`;
  }

  /** @returns `{ code, status }`, and without an answer what was in its way: `{ trouble }` */
  readiness() {
    return this.#get('/health/ready', async (response) => ({ code: response.status, status: (await response.json()).status }));
  }

  /** @returns `{ code, calls }`, and without an answer what was in its way: `{ trouble }` */
  metrics() {
    return this.#get('/metrics', async (response) => {
      const counts = [...(await response.text()).matchAll(CALLS_ENDED)].map(([, count]) => Number(count));
      return { code: response.status, calls: counts.reduce((sum, count) => sum + count, 0) };
    });
  }

  async #get(path, read) {
    try {
      return await read(await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }));
    } catch (error) {
      return { trouble: `${path}: ${error.cause?.message ?? error.message}` };
    }
  }
}
