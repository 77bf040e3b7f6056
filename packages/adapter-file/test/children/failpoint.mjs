// Run by failpoints.test.ts: logs through a file adapter, and is killed -9 by itself at one point. Says what was acknowledged, synchronously, and only that.
import { writeSync } from 'node:fs';
import { nodeFileSystem } from '@lemur-bookstores/mesh-log';
import { FileAdapter } from '../../dist/index.js';

const [directory, keysDir, failpoint, from] = process.argv.slice(2);
const die = () => process.kill(process.pid, 'SIGKILL');
let armed = false;
/** The next of this kind is the one. */
const at = (point) => armed && failpoint === point;

const wrap = (file) => ({
  write: async (bytes, position) => {
    if (at('before write')) die();
    if (at('half a line')) {
      await file.write(bytes.subarray(0, bytes.length - 20), position);
      die();
    }
    if (at('checkpoint half written') && Buffer.from(bytes.subarray(0, 14)).toString() === '{"checkpoint":') {
      await file.write(bytes.subarray(0, 60), position);
      die();
    }
    await file.write(bytes, position);
    if (at('before sync')) die();
  },
  syncData: async () => {
    await file.syncData();
    if (at('after sync, before acknowledge')) die();
  },
  sync: async () => {
    await file.sync();
    if (at('rotation: segment synced, its name is not')) die();
  },
  read: (into, position) => file.read(into, position),
  status: () => file.status(),
  truncate: (size) => file.truncate(size),
  close: () => file.close(),
});
const fileSystem = {
  ...nodeFileSystem,
  open: async (path, access) => wrap(await nodeFileSystem.open(path, access)),
  create: async (path) => {
    const file = await nodeFileSystem.create(path);
    if (at('rotation: segment made, still empty') || (at('compression: copy begun') && path.endsWith('.tmp'))) die();
    return wrap(file);
  },
  rename: async (...paths) => {
    await nodeFileSystem.rename(...paths);
    if (at('compression: renamed, not recorded')) die();
  },
  unlink: async (path) => {
    if (at('compression: recorded, plain one still there') && !path.endsWith('.tmp')) die();
    await nodeFileSystem.unlink(path);
  },
  syncDirectory: async (path) => {
    await nodeFileSystem.syncDirectory(path);
    if (at('rotation: name synced, nothing acknowledged')) die();
  },
};

const adapter = new FileAdapter(directory, { signWith: keysDir, fileSystem, rotation: { maxBytes: 8192 } });
for (let sequence = Number(from); ; sequence++) {
  const event = { id: String(sequence), sequence, timestamp: new Date(), eventType: 'system', serviceId: 'orders', details: { action: 'x', success: true, error: 'x'.repeat(300) } };
  await adapter.logEvent(event);
  writeSync(1, `${sequence}\n`);
  armed = sequence >= Number(from) + 5;
  if (armed && failpoint.startsWith('checkpoint')) await adapter.flush();
}
