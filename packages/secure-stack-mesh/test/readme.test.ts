import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { completeBackoff, completeLoadBalancing } from '@lemur-bookstores/mesh-core';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { SecureMeshOptions } from '../src/options.js';
import { completeOptions } from '../src/validate-options.js';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const readme = read('../README.md');
const parts = read('../../mesh-resilience/README.md');

/** Options in the README's table, each with its default as it stands there. */
const documented = new Map(
  [...(/^## Options\n(.*?)^## /ms.exec(readme)?.[1] ?? '').matchAll(/^\| ((?:`[^`]+`(?:, )?)+) \| (.*?) \| /gm)].flatMap(([, names = '', value = '']) => [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => [name, value] as const)),
);
const valueOf = (name: string): unknown => new Function(`return (${(documented.get(name) ?? 'no such row').replace(/^`(.*)`$/, '$1').replaceAll(/(\d),(?=\d{3})/g, '$1')})`)();

/** The names that a group takes, by what is said of one that it does not. */
function known(group: 'resilience' | 'loadBalancing'): readonly string[] {
  try {
    completeOptions({ serviceId: 'orders', port: 0, [group]: { nothingOfTheKind: 1 } } as SecureMeshOptions);
  } catch (error) {
    const [problem = ''] = (MeshError.from(error).details as { problems: string[] }).problems;
    return (/known here: (.*)$/.exec(problem)?.[1] ?? '').split(', ');
  }
  return [];
}

describe('the options in the README', () => {
  test.each(['resilience', 'loadBalancing'] as const)('%s: all there are, and no other', (group) => {
    const names = [...documented.keys()].filter((name) => name.startsWith(`${group}.`)).map((name) => name.slice(group.length + 1));
    expect(names.sort()).toEqual([...known(group)].sort());
  });

  test('their defaults are those of mesh-core', () => {
    const { strategy, ejection, slowStartMs } = completeLoadBalancing();
    expect([documented.get('loadBalancing.strategy'), valueOf('loadBalancing.ejection'), valueOf('loadBalancing.slowStartMs')]).toEqual([`\`${strategy}\``, ejection, slowStartMs]);
    expect(valueOf('resilience.backoff')).toEqual(completeBackoff());
  });

  test.each([
    ['circuitBreaker', 'CircuitBreaker'],
    ['retry', 'Retry'],
    ['concurrency', 'ConcurrencyLimit'],
  ])('those of %s are those that mesh-resilience documents', (option, part) => {
    const section = parts.slice(parts.indexOf(`## \`new ${part}(options)\``)).split('\n## ')[0] ?? '';
    const defaults = Object.entries(valueOf(`resilience.${option}`) as Record<string, number>);
    expect(defaults.length).toBeGreaterThan(1);
    for (const [name, value] of defaults) expect(section).toContain(`| \`${name}\` | ${value.toLocaleString('en')} |`);
  });
});
