import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for one test file, and the `openssl` program running in it. */
export class OpensslFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'mesh-ca-'));

  /** @returns what it wrote; throws where it fails, with its stderr in the message */
  run(...parameters: string[]): string {
    return execFileSync('openssl', parameters, { cwd: this.path, stdio: 'pipe', encoding: 'utf8' });
  }

  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
