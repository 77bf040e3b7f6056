import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

// Regression: the JWK export of a key that was just generated hung the process (Node 20) when a collection fell into it: one handshake
// in about 100,000 did. With a young generation of 1 MiB it took some thousand key pairs.
test('making key pairs never hangs, whenever the collector runs', () => {
  const script = fileURLToPath(new URL('support/generate-key-pairs.mjs', import.meta.url));
  const { status, signal } = spawnSync(process.execPath, ['--max-semi-space-size=1', script], { timeout: 60_000, killSignal: 'SIGKILL' });
  expect([status, signal]).toEqual([0, null]);
}, 70_000);
