import type { AuditAction, MeshAuditEvent } from '@lemur-bookstores/mesh-interface';

type Metadata = Readonly<Record<string, unknown>>;

/** Actions by which the trail speaks of itself, in words that take the place of their metadata. */
const TEXTS: Partial<Record<AuditAction, (metadata: Metadata) => string | undefined>> = {
  'audit.gap': (metadata) => filled(metadata, '{count} events are missing, of {fromSequence} to {toSequence}'),
  'audit.sampled': (metadata) => filled(metadata, '{count} messages left out, of {fromSequence} to {toSequence}, rate {rate}'),
  // The signed note would take more than the line; origin, size and root are what it signs.
  'audit.checkpoint': (metadata) => filled(metadata, '{origin}  {size} records  root {root}'),
};

/** @returns `undefined` for any other event, and for one that is not what it should be */
export function trailText({ eventType, details }: MeshAuditEvent): string | undefined {
  if (eventType !== 'system' || details.metadata === undefined || !Object.hasOwn(TEXTS, details.action)) return undefined;
  return TEXTS[details.action as AuditAction]?.(details.metadata);
}

/** The text with each name's value in its place; `undefined` where one is neither a number nor a word. */
function filled(metadata: Metadata, text: string): string | undefined {
  let isWhole = true;
  const result = text.replace(/\{(\w+)\}/g, (_place, name: string) => {
    const value = metadata[name];
    if (typeof value === 'number' || (typeof value === 'string' && /^[\w.:/@+=-]{1,256}$/.test(value))) return String(value);
    isWhole = false;
    return '';
  });
  return isWhole ? result : undefined;
}
