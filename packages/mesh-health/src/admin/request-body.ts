import type { IncomingMessage } from 'node:http';
import { MeshError } from '@lemur-bookstores/mesh-interface';

/** Caps what an operator may send, in bytes. */
export const MAX_BODY_BYTES = 4_096;

/** A body that is not taken, and the status for it. */
export class BodyRefusal {
  readonly status: number;
  readonly error: MeshError;

  constructor(status: number, message: string) {
    this.status = status;
    this.error = new MeshError('admin_request_invalid', message);
  }
}

/**
 * Reads a body as a JSON object; one that is empty stands for `{}`. It must be called JSON: a form of a web page cannot do that without the browser asking first, which
 * nothing here allows.
 */
export async function readJsonObject(request: IncomingMessage): Promise<Readonly<Record<string, unknown>> | BodyRefusal> {
  if (!/^application\/json *(;|$)/i.test(request.headers['content-type'] ?? '')) return new BodyRefusal(415, "send 'Content-Type: application/json'");
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Left early it would end the connection, and the answer with it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return new BodyRefusal(413, `the body has more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below: what the parser has to say would repeat the body.
  }
  return new BodyRefusal(400, 'the body is no JSON object');
}
