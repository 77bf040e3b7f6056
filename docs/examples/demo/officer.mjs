// The security officer: has the services' trails verified by the command that a user has, and tampers with a copy to see that it is caught. What she
// knows from elsewhere is the public key, noted when the services were set up, and the checkpoints that the services' other adapter received.
import { spawn } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const manifest = require.resolve('@lemur-bookstores/mesh-cli/package.json');
/** The command line of secure-stack-mesh. */
export const PROGRAM = join(dirname(manifest), require(manifest).bin['secure-stack-mesh']);

/** How long one verification may take. */
const PATIENCE_MS = 60_000;

/** Where segments are in a log's folder, oldest first. */
const segmentsOf = (log) => readdirSync(log).filter((name) => name.endsWith('.jsonl')).sort().map((name) => join(log, name));

export class Officer {
  /** The logs of all services. */
  trails;
  /** What they keep of their keys. */
  ledgers;
  #copies;
  #keysDir;
  #checkpointFile;
  #ledgerCheckpointFile;
  #key;

  constructor(home) {
    this.trails = join(home, 'audit');
    this.ledgers = join(home, 'compliance');
    this.#copies = join(home, 'copies');
    this.#keysDir = join(home, 'keys');
    this.#checkpointFile = join(home, 'kept-checkpoints.txt');
    this.#ledgerCheckpointFile = join(home, 'kept-ledger-checkpoints.txt');
  }

  /** Notes the public key, and the last checkpoint of each log that somebody other than its owner was given. */
  async begin(checkpoints) {
    const { output } = await this.#run('audit', 'key', '--keys-dir', this.#keysDir);
    this.#key = output.trim().split(/\s+/)[0];
    const ofLedgers = (note) => note.startsWith('secure-stack-mesh-compliance/');
    writeFileSync(this.#checkpointFile, checkpoints.filter((note) => !ofLedgers(note)).join('\n'));
    writeFileSync(this.#ledgerCheckpointFile, checkpoints.filter(ofLedgers).join('\n'));
  }

  /** The command that is run, to be shown. */
  get command() {
    return 'secure-stack-mesh audit verify audit --key <noted key> --checkpoint kept-checkpoints.txt';
  }

  get reportCommand() {
    return 'secure-stack-mesh compliance report --directory compliance --from <start> --to <end> --checkpoint kept-ledger-checkpoints.txt';
  }

  /**
   * Makes the report about the keys of all services, signed with their key, and verifies it under the one that was noted.
   * @returns `{ exitCode, signed, status, files, services, summary, gaps, rotations }`: the last are the ids of all keys that took another's place
   */
  async report({ from, to, directory }) {
    const period = ['--from', from.toISOString(), '--to', to.toISOString()];
    const keys = ['--keys-dir', this.#keysDir, '--checkpoint', this.#ledgerCheckpointFile];
    const made = await this.#run('compliance', 'report', '--directory', this.ledgers, ...period, ...keys, '--max-rows', '100000', '--out', directory, '--json');
    if (made.output === '') return { exitCode: made.exitCode, status: 'not made' };
    const { signed, files } = JSON.parse(made.output);
    const verified = await this.#run('compliance', 'verify', files.json, '--key', this.#key, '--json');
    const { services, summary, changes, gaps } = JSON.parse(readFileSync(files.json, 'utf8')).report;
    const rotations = changes.filter(({ action }) => action === 'key.rotated').map(({ keyId }) => keyId);
    return { exitCode: Math.max(made.exitCode, verified.exitCode), signed, status: JSON.parse(verified.output).status, files, services, summary, gaps, rotations };
  }

  /** @returns `{ exitCode, status, logs }` of the trails as they are */
  verify() {
    return this.#verify(this.trails);
  }

  /** What a service's trail says of an unclean end: the records that stood behind the last checkpoint, `{ from, to }`; there may have been none. */
  uncleanEndOf(service) {
    const lines = segmentsOf(join(this.trails, service)).flatMap((segment) => readFileSync(segment, 'utf8').split('\n'));
    const own = lines.filter((line) => line.includes('"log":"recovered"') || line.includes('"recovered":{')).map((line) => JSON.parse(line));
    const [told] = own.map((record) => (record.log === 'recovered' ? record : record.recovered));
    return told;
  }

  /**
   * Changes one service's trail in a copy of all, and verifies that.
   * @param change gets the log's segments; answers what it did
   */
  async verifyTampered(service, change) {
    rmSync(this.#copies, { recursive: true, force: true });
    cpSync(this.trails, this.#copies, { recursive: true, filter: (source) => !source.endsWith('.sock') });
    const changed = change(segmentsOf(join(this.#copies, service)));
    const { exitCode, logs } = await this.#verify(this.#copies);
    return { changed, exitCode, tampered: logs.filter(({ status }) => status === 'tampered') };
  }

  async #verify(directory) {
    const { output, exitCode } = await this.#run('audit', 'verify', directory, '--key', this.#key, '--checkpoint', this.#checkpointFile, '--json');
    return { exitCode, ...JSON.parse(output) };
  }

  #run(...args) {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'inherit'], timeout: PATIENCE_MS });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
      child.on('error', reject);
      child.on('close', (exitCode) => resolve({ output, exitCode }));
    });
  }
}

/** The impostor's refusal becomes a welcome: one record, changed in place. */
export function makeRefusalASuccess(segments) {
  for (const segment of segments) {
    const lines = readFileSync(segment, 'utf8').split('\n');
    const index = lines.findIndex((line) => line.includes('"action":"auth.failed"') && line.includes('peer_untrusted'));
    if (index < 0) continue;
    lines[index] = lines[index].replace('"action":"auth.failed","success":false', '"action":"auth.succeeded","success":true');
    writeFileSync(segment, lines.join('\n'));
    return { record: JSON.parse(lines[index]).n };
  }
  throw new Error('no refusal to change');
}

/** One record disappears. */
export function dropARecord(segments) {
  const lines = readFileSync(segments[0], 'utf8').split('\n');
  const index = lines.findIndex((line) => line.includes('"eventType":"message"'));
  const [dropped] = lines.splice(index, 1);
  writeFileSync(segments[0], lines.join('\n'));
  return { record: JSON.parse(dropped).n };
}

/** The end disappears, cut at a checkpoint, where what is left fits itself: only a kept checkpoint shows it. */
export function cutOffTheEnd(segments) {
  const last = segments.at(-1);
  const text = readFileSync(last, 'utf8');
  const middle = text.indexOf('\n{"checkpoint":', text.length / 2);
  const end = text.indexOf('\n', middle + 1) + 1;
  truncateSync(last, Buffer.byteLength(text.slice(0, end)));
  return { bytes: text.length - end };
}
