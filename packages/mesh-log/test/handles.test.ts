import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { queryLog } from '../src/query.js';
import { SigningKey } from '../src/signing-key.js';
import { verifyAuditLog } from '../src/verify-audit-log.js';
import { event, openLog, ORIGIN, publicKey, segmentsIn, temporaryDirectory } from './support/logs.js';

const FDS = '/proc/self/fd';

/** What this process has open inside of a folder, sockets included. */
function openIn(directory: string): string[] {
  return readdirSync(FDS).flatMap((fd) => {
    try {
      const target = readlinkSync(join(FDS, fd));
      return target.startsWith(directory) ? [target] : [];
    } catch {
      return [];
    }
  });
}

/** Only Linux tells what is open. */
const onLinux = existsSync(FDS) ? test : test.skip;

onLinux('a closed log has nothing open, whatever happened to it', async () => {
  const root = temporaryDirectory();
  const directory = join(root, 'log');
  for (let round = 0; round < 5; round++) {
    const log = await openLog(directory, { compress: true });
    for (let sequence = 0; sequence < 10; sequence++) {
      await log.append([event(sequence)]);
      if (sequence % 3 === 2) await log.rotate();
    }
    await Promise.all([verifyAuditLog(directory, { publicKey }), verifyAuditLog(root)]);
    for await (const { n } of queryLog(directory)) if (n > 3) break;
    expect(openIn(root).length).toBeGreaterThan(0);
    await log.close();
    expect(openIn(root)).toEqual([]);
  }
});

onLinux('a log that cannot be opened has nothing open', async () => {
  const root = temporaryDirectory();
  const directory = join(root, 'log');
  const log = await openLog(directory);
  await log.append([event(0)]);
  await log.rotate();
  await log.close();
  await expect(openLog(directory, { key: SigningKey.generate() })).rejects.toThrow(/^log_key_missing/);
  await expect(openLog(directory, { origin: `${ORIGIN}-other` })).rejects.toThrow(/^invalid_option/);
  expect(openIn(root)).toEqual([]);
  const last = join(directory, segmentsIn(directory).at(-1) as string);
  renameSync(last, join(root, 'elsewhere'));
  for (const place of [() => mkdirSync(last), () => writeFileSync(last, 'a\nb\nc\nd\n')]) {
    place();
    await expect(openLog(directory)).rejects.toThrow(/^log_tampered/);
    await verifyAuditLog(root, { publicKey });
    await queryLog(directory).next().catch(() => undefined);
    expect(openIn(root)).toEqual([]);
    renameSync(last, join(root, `moved-${Math.random()}`));
  }
});
