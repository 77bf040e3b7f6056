import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '@lemur-bookstores/mesh-interface';
import { reportFromLedger } from '../src/report/report-from-ledger.js';
import { day, JANUARY, january } from './support/january.js';
import { started, writeLedger } from './support/ledgers.js';
import { publicKey, temporaryDirectory } from './support/support.js';

const clock = new FakeClock(day(34));

async function ledger(): Promise<{ directory: string; file: string }> {
  const directory = temporaryDirectory();
  await writeLedger(directory, january());
  const folder = join(directory, 'order-service');
  return { directory, file: join(folder, readdirSync(folder).find((name) => name.endsWith('.jsonl')) as string) };
}

const without = (text: string, mark: string): string => text.split('\n').filter((line) => !line.includes(mark)).join('\n');

describe('no report is made from a ledger', () => {
  test.each<[string, (text: string) => string]>([
    ['in which a key became younger', (text) => text.replace('"ageMs":194400000', '"ageMs":86400000')],
    ['that lost a failed change', (text) => without(text, 'key.rotation_failed')],
    ['that lost a gap', (text) => without(text, 'audit.gap')],
    ['that lost a restart', (text) => text.replace(/ledger\.started/g, 'ledger.alive')],
    ['in which an entry stands twice', (text) => text.replace(/(\{"n":10,.*\n)/, '$1$1')],
    ['in which two entries changed places', (text) => text.replace(/(\{"n":10,.*\n)(\{"n":11,.*\n)/, '$2$1')],
    ['with another header', (text) => text.replace('"first":0', '"first":1')],
  ])('%s', async (_what, change) => {
    const { directory, file } = await ledger();
    const text = readFileSync(file, 'utf8');
    const changed = change(text);
    expect(changed).not.toBe(text);
    writeFileSync(file, changed);
    for (const options of [{ publicKey, clock }, { clock }]) {
      await expect(reportFromLedger(directory, JANUARY, options)).rejects.toMatchObject({ reason: 'log_tampered', message: expect.stringMatching(/cannot be trusted from record \d+.*No report is made from it/s), details: { record: expect.any(Number) } });
    }
  });

  test('whose file cannot be read at all', async () => {
    const { directory, file } = await ledger();
    writeFileSync(file, readFileSync(file, 'utf8').replace('"format":1', '"format":2'));
    await expect(reportFromLedger(directory, JANUARY, { publicKey, clock })).rejects.toMatchObject({ reason: 'log_tampered' });
  });

  test('that was written anew under another key', async () => {
    const { directory } = await ledger();
    await expect(reportFromLedger(directory, JANUARY, { publicKey: Buffer.alloc(32, 1).toString('base64'), clock })).rejects.toMatchObject({ reason: 'log_tampered' });
  });

  test('that was cut back, or is gone, where a checkpoint of it was kept', async () => {
    const origin = 'secure-stack-mesh-compliance/order-service/0123456789abcdef';
    const directory = temporaryDirectory();
    const checkpoint = await writeLedger(directory, january(), 'order-service', origin);
    await writeLedger(directory, [started(day(1), 'other-service')], 'other-service');
    const make = () => reportFromLedger(directory, JANUARY, { publicKey, checkpoint, clock });
    expect((await make()).ledgers).toMatchObject([{ status: 'authentic' }, { status: 'authentic' }]);
    rmSync(join(directory, 'order-service'), { recursive: true });
    await expect(make()).rejects.toMatchObject({ reason: 'log_tampered', message: expect.stringContaining(`the ledger '${origin}', of which a checkpoint was kept, is not there`) });
    await writeLedger(directory, january().slice(0, 20), 'order-service', origin);
    await expect(make()).rejects.toMatchObject({ reason: 'log_tampered' });
    // Nothing else shows it: this is what checkpoints go to other adapters for.
    expect((await reportFromLedger(directory, JANUARY, { publicKey, clock })).ledgers[1]).toMatchObject({ status: 'authentic' });
  });
});
