import type { Line } from './output.js';

/** Files, and what each is. */
export function fileFields(files: readonly (readonly [path: string, what: string])[]): Line[] {
  const width = Math.max(...files.map(([path]) => path.length));
  return files.map(([path, what]) => `  ${path.padEnd(width)}  ${what}`);
}
