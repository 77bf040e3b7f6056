import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { ComplianceAdapter } from '../src/compliance-adapter.js';
import { resolveComplianceAdapterOptions, type ComplianceAdapterOptions } from '../src/compliance-adapter-options.js';
import { PCI } from './support/support.js';

function problemsOf(options: unknown): string[] {
  try {
    new ComplianceAdapter(options as ComplianceAdapterOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(MeshError);
    expect(error).toMatchObject({ reason: 'invalid_option', code: 'INVALID_ARGUMENT' });
    return (error as { details: { problems: string[] } }).details.problems;
  }
  return [];
}

describe('options', () => {
  test('of the guide have defaults', () => {
    expect(resolveComplianceAdapterOptions(PCI)).toMatchObject({ found: { label: '3.7.4 (v3.2.1: 3.6.4)' }, retention: 1095, heartbeatMs: 300_000, directory: undefined });
    expect(resolveComplianceAdapterOptions({ ...PCI, directory: 'ledgers' }).directory).toBe(resolve('ledgers'));
  });

  test('undefined ones count as absent', () => {
    const names = ['directory', 'retention', 'heartbeatMs', 'signWith', 'origin', 'logger', 'clock', 'fileSystem'];
    expect(resolveComplianceAdapterOptions({ ...PCI, ...Object.fromEntries(names.map((name) => [name, undefined])) })).toEqual(resolveComplianceAdapterOptions(PCI));
  });

  test.each<[string, unknown, string]>([
    ['none at all', undefined, 'options'],
    ['no standard', { requirement: '3.6.4' }, 'standard'],
    ['an unknown standard', { standard: 'PCI', requirement: '3.6.4' }, 'standard'],
    ['no requirement', { standard: 'PCI-DSS' }, 'requirement'],
    ['an unknown requirement', { standard: 'PCI-DSS', requirement: '3.6' }, 'requirement'],
    ['an empty directory', { ...PCI, directory: '' }, 'directory'],
    ['a NUL in it', { ...PCI, directory: 'a\0b' }, 'directory'],
    ['no retention', { ...PCI, retention: 0 }, 'retention'],
    ['a heartbeat that is too fast', { ...PCI, heartbeatMs: 999 }, 'heartbeatMs'],
    ['half a heartbeat', { ...PCI, heartbeatMs: 1000.5 }, 'heartbeatMs'],
    ['an endless one', { ...PCI, heartbeatMs: Number.POSITIVE_INFINITY }, 'heartbeatMs'],
    ['something else', { ...PCI, rotation: 'daily' }, 'rotation'],
  ])('%s is a problem, named by its path', (_what, options, path) => {
    expect(problemsOf(options).map((problem) => problem.replace(/:.*/s, ''))).toEqual([path]);
  });

  test('all problems are told at once', () => {
    const bad = { standard: 1, directory: 1, retention: -1, heartbeatMs: 0, signWith: 1, origin: 'two words', logger: 1, clock: 1, fileSystem: 1, other: 1 };
    expect(problemsOf(bad).map((problem) => problem.replace(/:.*/s, '')).sort()).toEqual(Object.keys(bad).sort());
  });
});
