import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from '@jest/globals';
import { describeAdapter } from '@lemur-bookstores/adapter-testkit';
import { silentLogger, systemClock, type Clock } from '@lemur-bookstores/mesh-interface';
import { failure, fileSystemWith } from '../../mesh-log/test/support/file-system-with.js';
import { ComplianceAdapter } from '../src/compliance-adapter.js';
import { isLedgerAction } from '../src/ledger/ledger-entry.js';
import { entriesIn, PCI } from './support/support.js';

/** Ten times as fast: a disk that is full is waited for for seconds. */
const fastClock: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * 10,
  setTimeout: (callback, delayMs) => systemClock.setTimeout(callback, delayMs / 10),
};

describeAdapter({
  name: 'ComplianceAdapter',
  runner: { describe, it },
  supports: { batches: true, durable: true, filters: true, hanging: true, failures: ['retryable'] },
  create: ({ directory, paths }) => {
    let disk: 'works' | 'full' | 'hangs' = 'works';
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const fileSystem = fileSystemWith((file) => ({
      write: async (bytes, position) => {
        if (disk === 'full') throw failure('ENOSPC');
        await file.write(bytes, position);
      },
      syncData: async () => {
        if (disk === 'hangs') await answered;
        await file.syncData();
      },
    }));
    const ledgers = join(directory, 'ledgers');
    return {
      construct: () => new ComplianceAdapter({ ...PCI, directory: ledgers, signWith: paths.keysDir, clock: fastClock, fileSystem, logger: silentLogger }),
      received: async () => (await entriesIn(ledgers)).filter(({ details }) => !isLedgerAction(details.action)),
      fail: () => void (disk = 'full'),
      hang: () => void (disk = 'hangs'),
      release: () => {
        disk = 'works';
        answer();
      },
      get secrets() {
        const file = join(paths.keysDir, 'audit', 'log-key-000001.pem');
        // Made when the ledger is opened.
        if (!existsSync(file)) return [];
        const body = readFileSync(file, 'utf8').split('\n')[1] as string;
        return [body, Buffer.from(body, 'base64').subarray(-32).toString('base64'), Buffer.from(body, 'base64').subarray(-32).toString('hex')];
      },
    };
  },
});
