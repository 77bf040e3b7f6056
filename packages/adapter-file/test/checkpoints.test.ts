import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { FakeClock, type AuditEventInput } from '@lemur-bookstores/mesh-interface';
import { readCheckpoint, verifyAuditLog, type SignedCheckpoint } from '@lemur-bookstores/mesh-log';
import type { FileAdapter } from '../src/file-adapter.js';
import { allOf, collectingLogger, contextOf, eventOf, fileAdapter, temporaryDirectory, until } from './support/support.js';

const noteOf = (event: AuditEventInput | undefined): string => String(event?.details.metadata?.['note']);

describe('checkpoints', () => {
  test("go to the mesh's other adapters as events that say it all, and to who asked for them", async () => {
    const clock = new FakeClock();
    const context = contextOf({ clock });
    const asked: SignedCheckpoint[] = [];
    const adapter = fileAdapter(temporaryDirectory(), { onCheckpoint: (checkpoint) => asked.push(checkpoint) });
    await adapter.start(context);
    expect(context.emitted).toHaveLength(1);
    await adapter.logEvents([eventOf(), eventOf()]);
    await clock.advance(1000);
    await until('a checkpoint was signed', () => context.emitted.length === 2, clock);
    const event = context.emitted[1];
    const { origin, size, root } = readCheckpoint(noteOf(event));
    expect(event).toEqual({ eventType: 'system', details: { action: 'audit.checkpoint', success: true, metadata: { origin, size, root: root.toString('base64'), note: noteOf(event) } } });
    expect([origin, asked.at(-1)?.note]).toEqual([adapter.origin, noteOf(event)]);
    expect((await verifyAuditLog(adapter.directory as string, { checkpoint: noteOf(event) })).status).toBe('authentic');
    // The last one, at the end, covers all.
    await adapter.close();
    expect(asked.at(-1)?.size).toBeGreaterThan(size);
    expect((await verifyAuditLog(adapter.directory as string, { checkpoint: asked.at(-1)?.note as string })).logs[0]?.notAuthenticated).toEqual([]);
  });

  test('kept elsewhere, they show a log that was put back to an earlier state', async () => {
    const clock = new FakeClock();
    const context = contextOf({ clock });
    const directory = temporaryDirectory();
    const adapter = fileAdapter(directory);
    await adapter.start(context);
    await adapter.logEvent(eventOf());
    await adapter.flush();
    const earlier = join(temporaryDirectory(), 'log');
    cpSync(adapter.directory as string, earlier, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    await adapter.logEvent(eventOf());
    await adapter.flush();
    await adapter.close();
    const publicKey = adapter.publicKey as string;
    expect((await verifyAuditLog(earlier, { publicKey })).status).toBe('authentic');
    expect((await verifyAuditLog(earlier, { publicKey, checkpoint: context.emitted.map(noteOf) })).status).toBe('tampered');
  });

  test('flush() signs what is new, and only that', async () => {
    const asked: SignedCheckpoint[] = [];
    const adapter = fileAdapter(temporaryDirectory(), { onCheckpoint: (checkpoint) => asked.push(checkpoint) });
    await adapter.logEvent(eventOf());
    const before = asked.length;
    await adapter.flush();
    await adapter.flush();
    expect(asked.length).toBe(before + 1);
  });

  test('a listener that throws does no harm', async () => {
    const logger = collectingLogger();
    const context = contextOf();
    const adapter = fileAdapter(temporaryDirectory(), {
      logger,
      onCheckpoint: () => {
        throw new Error('mine');
      },
    });
    await adapter.start(context);
    expect(context.emitted).toHaveLength(1);
    await adapter.logEvent(eventOf());
    await adapter.close();
    expect(logger.said.every((line) => line.includes('mine'))).toBe(true);
    expect(await allOf(adapter.query())).toHaveLength(1);
  });

  test('two adapters of one mesh do not answer each other for ever', async () => {
    const clock = new FakeClock();
    const adapters: FileAdapter[] = [];
    const emitted = [0, 0];
    const events: Promise<void>[] = [];
    for (const index of [0, 1]) {
      const adapter = fileAdapter(temporaryDirectory());
      adapters.push(adapter);
      await adapter.start(
        contextOf({
          clock,
          emit: (input) => {
            emitted[index]! += 1;
            const other = adapters[1 - index];
            if (other !== undefined) events.push(other.logEvent(eventOf(input)));
          },
        }),
      );
    }
    /** A second passes, and whatever the disk is asked for in it is done. */
    const second = async (): Promise<void> => {
      await clock.advance(1000);
      await Promise.all(events);
      for (const adapter of adapters) await adapter.flush();
    };
    for (const adapter of adapters) await adapter.logEvent(eventOf());
    for (let count = 0; count < 20; count++) await second();
    // The one of the opening, and the one that covers the event.
    expect(emitted).toEqual([2, 2]);
    // News make one more.
    await adapters[0]!.logEvent(eventOf());
    for (let count = 0; count < 20; count++) await second();
    expect(emitted).toEqual([3, 2]);
    for (const adapter of adapters) {
      await adapter.close();
      const { status, logs } = await verifyAuditLog(adapter.directory as string, { publicKey: adapter.publicKey as string });
      expect([status, logs[0]?.notAuthenticated]).toEqual(['authentic', []]);
    }
  });
});
