import { describe, expect, test } from '@jest/globals';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import { allOf, eventOf, failure, fileAdapter, fileSystemWith, temporaryDirectory, turn, until } from './support/support.js';

/** A disk whose syncs wait until they are let go, or fail. */
class SlowDisk {
  held: ((outcome: 'done' | 'failed') => void)[] = [];
  hold = false;
  readonly fileSystem = fileSystemWith((file) => ({
    syncData: async () => {
      const outcome = this.hold ? await new Promise<'done' | 'failed'>((resolve) => this.held.push(resolve)) : 'done';
      if (outcome === 'failed') throw failure('EIO');
      await file.syncData();
    },
  }));

  async release(outcome: 'done' | 'failed' = 'done'): Promise<void> {
    this.hold = false;
    for (const release of this.held.splice(0)) release(outcome);
    await turn();
  }
}

const timeout = (): MeshError => new MeshError('adapter_timeout', 'no answer', { retryable: true });

describe('a delivery that is given up', () => {
  test('while the disk has it: what comes again stands in the log once, also behind other events', async () => {
    const disk = new SlowDisk();
    const adapter = fileAdapter(temporaryDirectory(), { fileSystem: disk.fileSystem });
    await adapter.logEvent(eventOf());
    const [one, two, three] = [eventOf(), eventOf(), eventOf()];
    disk.hold = true;
    const abort = new AbortController();
    const given = adapter.logEvents([one, two], { signal: abort.signal });
    await until('the disk has it', () => disk.held.length > 0);
    abort.abort(timeout());
    await expect(given).rejects.toMatchObject({ reason: 'adapter_timeout', retryable: true });
    const again = adapter.logEvents([one, two, three], { signal: new AbortController().signal });
    await disk.release();
    await again;
    expect((await allOf(adapter.query())).slice(1)).toEqual([one, two, three]);
    // Acknowledged: the ids are forgotten, and the same event given anew is a new one.
    await adapter.logEvent(one);
    expect(await allOf(adapter.query())).toHaveLength(5);
  });

  test('and given up again; then the disk fails: it is written once', async () => {
    const disk = new SlowDisk();
    const adapter = fileAdapter(temporaryDirectory(), { fileSystem: disk.fileSystem });
    await adapter.logEvent(eventOf());
    const event = eventOf();
    disk.hold = true;
    for (let attempt = 0; attempt < 3; attempt++) {
      const abort = new AbortController();
      const given = adapter.logEvents([event], { signal: abort.signal });
      await until('the disk has it', () => disk.held.length === 1);
      abort.abort(timeout());
      await expect(given).rejects.toThrow(/^adapter_timeout/);
    }
    const last = adapter.logEvents([event], { signal: new AbortController().signal });
    await disk.release('failed');
    await last;
    expect((await allOf(adapter.query())).slice(1)).toEqual([event]);
  });

  test('while it waits: it is taken back', async () => {
    const disk = new SlowDisk();
    const adapter = fileAdapter(temporaryDirectory(), { fileSystem: disk.fileSystem });
    await adapter.logEvent(eventOf());
    disk.hold = true;
    const first = adapter.logEvent(eventOf());
    await until('the disk has the first', () => disk.held.length > 0);
    const abort = new AbortController();
    const second = adapter.logEvents([eventOf()], { signal: abort.signal });
    abort.abort();
    await expect(second).rejects.toMatchObject({ reason: 'cancelled', retryable: true });
    await disk.release();
    await first;
    expect(await allOf(adapter.query())).toHaveLength(2);
  });

  test('before it began: nothing is opened for it', async () => {
    const adapter = fileAdapter(temporaryDirectory());
    await expect(adapter.logEvents([eventOf()], { signal: AbortSignal.abort(timeout()) })).rejects.toThrow(/^adapter_timeout/);
    expect(adapter.directory).toBeUndefined();
  });

  test('while the log is being opened: others still get it', async () => {
    const disk = new SlowDisk();
    disk.hold = true;
    const adapter = fileAdapter(temporaryDirectory(), { fileSystem: disk.fileSystem });
    const abort = new AbortController();
    const given = adapter.logEvents([eventOf()], { signal: abort.signal });
    await until('the log is being opened', () => disk.held.length > 0);
    abort.abort();
    await expect(given).rejects.toThrow(/^cancelled/);
    const event = eventOf();
    const logged = adapter.logEvent(event);
    await disk.release();
    await logged;
    expect(await allOf(adapter.query())).toEqual([event]);
  });
});
