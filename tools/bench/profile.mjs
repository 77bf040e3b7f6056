// CPU profiles of single scenarios: `npm run bench -- --profile --only mesh:null`. Taken inside the process, so that start-up,
// warm-up and the other scenarios are not in it. Open the files in Chrome's developer tools.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { basename } from 'node:path';

let session;

export async function startProfile() {
  session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
}

/** Writes the profile and returns the functions that were on top most often: `{ share, name, where }`. */
export async function stopProfile({ file, most = 12 }) {
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  writeFileSync(file, JSON.stringify(profile));
  const counts = new Map();
  for (const { hitCount, callFrame } of profile.nodes) {
    const name = `${callFrame.functionName || '(anonymous)'} ${basename(callFrame.url)}:${callFrame.lineNumber + 1}`;
    counts.set(name, (counts.get(name) ?? 0) + hitCount);
  }
  const total = profile.nodes.reduce((sum, { hitCount }) => sum + hitCount, 0);
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, most).map(([name, hits]) => ({ name, share: hits / total }));
}
