import type { IncomingMessage, ServerResponse } from 'node:http';
import { AUDIT_EVENT_TYPES, MeshError, type AuditEventType, type Clock } from '@lemur-bookstores/mesh-interface';
import { probes } from '../probes.js';
import type { AdminAccess, AdminAccessLevel } from './admin-access.js';
import { errorAnswer, jsonAnswer, textAnswer, type AdminAnswer } from './admin-answer.js';
import type { AdminJournal } from './admin-journal.js';
import type { AdminRotationReason, AdminSource } from './admin-source.js';
import { RECENT_EVENTS } from './recent-events.js';
import { BodyRefusal, readJsonObject } from './request-body.js';

/** How long an answer may take, in ms; a rotation goes on after that. */
const ANSWER_WITHIN_MS = 20_000;
const DEFAULT_EVENTS = 100;
const REASONS: readonly AdminRotationReason[] = ['manual', 'compromise'];

/** A request that was let in. */
export interface AdminRequest {
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
  readonly address: string;
}

/** What is at a path. */
export type AdminRoute =
  | { readonly level: 'probe'; readonly methods: readonly ['GET', 'HEAD']; serve(request: IncomingMessage, response: ServerResponse): void }
  | { readonly level: Exclude<AdminAccessLevel, 'probe'>; readonly methods: readonly string[]; answer(asked: AdminRequest, access: AdminAccess): Promise<AdminAnswer> };

/** All routes, by path. */
export function adminRoutes(source: AdminSource, journal: AdminJournal, clock: Clock, access: () => AdminAccess): ReadonlyMap<string, AdminRoute> {
  const [plain, detailed] = [probes(source), probes(source, { details: true })];
  const probe: AdminRoute = {
    level: 'probe',
    methods: ['GET', 'HEAD'],
    // Who may see everything else is told which check failed and why.
    serve: (request, response) => (access().refusal('operator', request.headers) === undefined ? detailed : plain)(request, response),
  };
  const read = (level: 'metrics' | 'operator', answer: (asked: AdminRequest) => Promise<AdminAnswer> | AdminAnswer): AdminRoute => ({
    level,
    methods: ['GET', 'HEAD'],
    answer: (asked) => inTime(clock, Promise.resolve(answer(asked))),
  });
  return new Map<string, AdminRoute>([
    ['/health/live', probe],
    ['/health/ready', probe],
    ['/health/startup', probe],
    ['/metrics', read('metrics', scrapes(source))],
    ['/stats', read('operator', () => jsonAnswer(source.stats()))],
    ['/audit/recent', read('operator', ({ query }) => recentEvents(source, query))],
    ['/keys/rotate', { level: 'operator', methods: ['POST'], answer: (asked, { proof }) => inTime(clock, rotate(source, journal, asked, proof)) }],
  ]);
}

/** One at a time, for all who ask meanwhile: strangers may ask too, and what it costs is not to grow with how many do. */
function scrapes(source: AdminSource): () => Promise<AdminAnswer> {
  let underWay: Promise<AdminAnswer> | undefined;
  return () => (underWay ??= metrics(source).finally(() => (underWay = undefined)));
}

async function metrics(source: AdminSource): Promise<AdminAnswer> {
  const metricsText = source.metricsText();
  if (metricsText !== undefined) return textAnswer(metricsText.contentType, await metricsText.text());
  return errorAnswer(
    new MeshError('admin_not_found', 'no adapter makes metrics for Prometheus: npm install @lemur-bookstores/adapter-prometheus prom-client, and put a new PrometheusAdapter() into monitoring.adapters'),
  );
}

function recentEvents(source: AdminSource, query: URLSearchParams): AdminAnswer {
  const unknown = [...query.keys()].find((name) => name !== 'type' && name !== 'limit');
  if (unknown !== undefined) return invalid('the query knows type and limit, and nothing else');
  const [type, limit] = [query.get('type') ?? undefined, query.get('limit') ?? String(DEFAULT_EVENTS)];
  if (type !== undefined && !(AUDIT_EVENT_TYPES as readonly string[]).includes(type)) return invalid(`type: must be one of ${AUDIT_EVENT_TYPES.join(', ')}`);
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > RECENT_EVENTS) return invalid(`limit: must be a whole number from 1 to ${RECENT_EVENTS}`);
  return jsonAnswer({ events: source.recentEvents({ type: type as AuditEventType | undefined, limit: Number(limit) }) });
}

async function rotate(source: AdminSource, journal: AdminJournal, { request, address }: AdminRequest, proof: AdminAccess['proof']): Promise<AdminAnswer> {
  const body = await readJsonObject(request);
  if (body instanceof BodyRefusal) return errorAnswer(body.error, body.status);
  const { reason = 'manual', ...others } = body;
  if (Object.keys(others).length > 0) return invalid('the body knows reason, and nothing else');
  if (!(REASONS as readonly unknown[]).includes(reason)) return invalid(`reason: must be one of ${REASONS.join(', ')}`);
  await journal.rotationAsked(address, proof, reason as AdminRotationReason);
  return jsonAnswer(await source.rotateKeys({ reason: reason as AdminRotationReason }));
}

const invalid = (message: string): AdminAnswer => errorAnswer(new MeshError('admin_request_invalid', message));

function inTime(clock: Clock, answer: Promise<AdminAnswer>): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(new MeshError('deadline_exceeded', `no answer within ${ANSWER_WITHIN_MS} ms; what was begun goes on`)), ANSWER_WITHIN_MS);
    answer.finally(() => timer.cancel()).then(resolve, reject);
  });
}
