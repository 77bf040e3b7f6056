import { ISO_27001 } from './iso-27001.js';
import { NIST_SP_800_57 } from './nist-sp-800-57.js';
import { PCI_DSS } from './pci-dss.js';
import { SOC_2 } from './soc-2.js';
import type { Requirement, Standard } from './standard.js';

/** All that a report can be made for. */
export const STANDARDS: readonly Standard[] = [PCI_DSS, SOC_2, ISO_27001, NIST_SP_800_57];

/** A requirement that was found by any of its numbers. */
export interface FoundRequirement {
  readonly standard: Standard;
  readonly requirement: Requirement;
  /** With the numbers of other versions: `3.7.4 (v3.2.1: 3.6.4)`. */
  readonly label: string;
}

/**
 * Looks a requirement up, by its number in any version of the standard. Case, blanks, dashes and the like make no difference.
 * @returns what is wrong where there is none: a problem by the path of the option, with what there is
 */
export function findRequirement(standardId: unknown, requirementId: unknown): FoundRequirement | string {
  const standard = typeof standardId === 'string' ? STANDARDS.find(({ id, name }) => [id, name].some((known) => same(known, standardId))) : undefined;
  if (standard === undefined) return `standard: ${shown(standardId)} is not known; there are ${STANDARDS.map(({ id }) => id).join(', ')}`;
  const requirement = typeof requirementId === 'string' ? standard.requirements.find(({ id, otherIds }) => [id, ...otherIds.map((other) => other.id)].some((known) => same(known, requirementId))) : undefined;
  if (requirement === undefined) return `requirement: ${shown(requirementId)} is not known of ${standard.id}; there are ${standard.requirements.map(labelOf).join(', ')}`;
  return { standard, requirement, label: labelOf(requirement) };
}

function labelOf({ id, otherIds }: Requirement): string {
  const others = otherIds.filter((other) => other.id !== id).map((other) => `${other.version}: ${other.id}`);
  return others.length === 0 ? id : `${id} (${others.join(', ')})`;
}

/** Dots count: they are what numbers differ by. */
const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9.]/g, '');

const same = (known: string, given: string): boolean => plain(known) === plain(given);

const shown = (value: unknown): string => (typeof value === 'string' ? `'${value.slice(0, 100)}'` : value === undefined ? 'what is not given' : 'what is no text');
