import { existsSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import * as jest from '@jest/globals';
import { MeshError, type MeshAuditEvent } from '@lemur-bookstores/mesh-interface';
import { describeAdapter } from '../src/describe-adapter.js';
import { MemorySink } from './right/memory-sink.js';
import { RightAdapter, RightBatchAdapter, RightFullAdapter } from './right/right-adapter.js';
import { BATCHES, FULL, memorySubject, PLAIN } from './right/subjects.js';
import { failuresOf, resultsOf } from './support/collecting-runner.js';

const runner = { describe: jest.describe, it: jest.it };

describeAdapter({ name: 'an adapter without batches', runner, ...memorySubject(PLAIN, (sink, key) => new RightAdapter(sink, key)) });
describeAdapter({ name: 'an adapter with batches', runner, ...memorySubject(BATCHES, (sink, key) => new RightBatchAdapter(sink, key)) });
describeAdapter({ name: 'an adapter with everything', runner, ...memorySubject(FULL, (sink, key) => new RightFullAdapter(sink, key)) });

/** Its sink is a sum. */
class CountingAdapter extends RightAdapter {
  count = 0;

  override async logEvent(event: MeshAuditEvent): Promise<void> {
    if (this.isClosed) throw new MeshError('adapter_failed', 'the adapter is closed', { retryable: false });
    this.text(event);
    this.count++;
  }
}

describeAdapter({
  name: 'an adapter whose sink holds no events',
  runner,
  supports: { events: false },
  create: () => ({
    construct: () => new CountingAdapter(new MemorySink()),
    received: () => {
      throw new Error('is not asked');
    },
  }),
});

describeAdapter({
  name: 'an adapter whose sink holds ids, read back later',
  runner,
  holds: ({ id }) => id,
  create: () => {
    const sink = new MemorySink();
    return { construct: () => new RightAdapter(sink), received: async () => sink.received().map((event) => (event as MeshAuditEvent).id) };
  },
});

const escaped = (text: string): string => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);

describeAdapter({
  name: 'an adapter for a terminal',
  runner,
  supports: { terminal: true },
  create: () => {
    const sink = new MemorySink();
    return { construct: () => new RightAdapter(sink), received: sink.received, screen: async () => sink.records.map((record) => `${escaped(record)}\n`).join('') };
  },
});

describe('describeAdapter', () => {
  const right = { ...memorySubject(PLAIN, (sink, key) => new RightAdapter(sink, key)), patienceMs: 40 };

  test('holds() that tells no event from another is found out', async () => {
    const failures = failuresOf(await resultsOf({ ...right, holds: () => 'event' }));
    expect(failures['order-and-content']).toMatch(/holds\(\) gives the same for two events/);
  });

  test('a secret that is too short to be looked for is found out', async () => {
    const failures = failuresOf(await resultsOf({ ...right, create: async (environment) => ({ ...(await right.create(environment)), secrets: ['short'] }) }));
    expect(Object.keys(failures)).toEqual(['no-secret-when-printed', 'no-secret-in-errors', 'no-secret-in-logs', 'no-secret-in-sink']);
    expect(failures['no-secret-in-errors']).toMatch(/fewer than 8 characters/);
  });

  test('everything is let go of, also where the case fails', async () => {
    let open = 0;
    const directories: string[] = [];
    await resultsOf({
      ...right,
      holds: () => 'never',
      create: async (environment) => {
        open++;
        directories.push(environment.directory);
        return { ...(await right.create(environment)), dispose: () => void open-- };
      },
    });
    expect(open).toBe(0);
    expect(directories.length).toBeGreaterThan(30);
    expect(directories.filter(existsSync)).toEqual([]);
  });

  test('a sink that cannot be disposed of fails the case that had passed', async () => {
    const results = await resultsOf({ ...right, create: async (environment) => ({ ...(await right.create(environment)), dispose: () => Promise.reject(new Error('still in use')) }) });
    expect([...results.values()].every((error) => error instanceof Error && error.message === 'still in use')).toBe(true);
  });

  test('a description that makes no sense is refused, with all that is wrong', () => {
    const wrong = { name: '', runner: {}, create: 1, holds: 1, patienceMs: 0, supports: { failures: ['sometimes'] } };
    expect(() => describeAdapter(wrong as never)).toThrow(MeshError);
    expect(() => describeAdapter(wrong as never)).toThrow(/name: .*runner: .*create: .*holds: .*patienceMs: .*supports\.failures: no kind "sometimes"/);
  });
});
