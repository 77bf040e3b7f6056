import { request as httpRequest } from 'node:http';
import { ContractServer, type ContractAnswer, type ContractRequest } from './contract-servers.js';

const REJECTED = { type: 'es_rejected_execution_exception', reason: 'rejected execution of coordinating operation' };
/** Of the connection between the two ends. */
const HOP_BY_HOP = ['connection', 'content-encoding', 'content-length', 'host', 'transfer-encoding'];

interface BulkItem {
  readonly create?: object;
  readonly index?: object;
}

/** A proxy before a real Elasticsearch that spoils requests as its contract server does: of a half-accepted bulk it passes on every second operation. */
export function faultyElasticsearch(url: string, faults: { readonly rate: number; readonly kinds: readonly string[]; readonly seed: number }): ContractServer {
  const handle = (request: ContractRequest): Promise<ContractAnswer> => (request.fault === 'half-accepted' && request.path.endsWith('/_bulk') ? half(url, request) : forward(url, request, request.body));
  return new ContractServer({ handle, refuse: (status, headers) => ({ status, headers, body: { error: { ...REJECTED, root_cause: [REJECTED] }, status } }), faults });
}

function forward(url: string, { method, path, query, headers }: ContractRequest, body: Buffer): Promise<ContractAnswer> {
  const passed = Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
  const target = new URL(`${path}${query.size === 0 ? '' : `?${query.toString()}`}`, url);
  return new Promise((resolve, reject) => {
    const sent = httpRequest(target, { method, headers: { ...passed, 'accept-encoding': 'identity', 'content-length': body.length } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).once('error', reject);
      response.once('end', () => {
        const kept = Object.entries(response.headers).filter(([name, value]) => !HOP_BY_HOP.includes(name) && typeof value === 'string') as [string, string][];
        resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(kept), body: Buffer.concat(chunks) });
      });
    });
    sent.once('error', reject).end(body);
  });
}

async function half(url: string, request: ContractRequest): Promise<ContractAnswer> {
  const lines = request.body.toString().trimEnd().split('\n');
  const operations = Array.from({ length: lines.length / 2 }, (_, index) => [lines[2 * index] as string, lines[2 * index + 1] as string] as const);
  const passed = operations.filter((_, index) => index % 2 === 0);
  const answer = await forward(url, request, Buffer.from(passed.map((pair) => `${pair.join('\n')}\n`).join('')));
  if (answer.status !== 200) return answer;
  const { items, ...rest } = JSON.parse(String(answer.body)) as { items: BulkItem[]; errors: boolean };
  const all = operations.map(([action], index) => {
    if (index % 2 === 0) return items[index / 2] as BulkItem;
    const [[name, meta] = ['create', {}]] = Object.entries(JSON.parse(action) as Record<string, object>);
    return { [name]: { ...meta, status: 429, error: REJECTED } };
  });
  return { ...answer, body: JSON.stringify({ ...rest, errors: rest.errors || operations.length > 1, items: all }) };
}
