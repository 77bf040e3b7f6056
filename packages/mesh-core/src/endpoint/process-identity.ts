import { readFileSync, readlinkSync } from 'node:fs';

/** What tells a process from a later one with the same pid, and from one in another container. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process; empty where the system does not say. */
  readonly startedAt: string;
  /** PID namespace; empty where there are none. */
  readonly namespace: string;
}

/** This process. */
export function ownProcess(): ProcessIdentity {
  return { pid: process.pid, startedAt: startOf(process.pid), namespace: ownNamespace() };
}

/**
 * Whether a process is still there. `unknown`: it lives in another container, whose pids mean nothing here.
 */
export function processState({ pid, startedAt, namespace }: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  if (namespace !== ownNamespace()) return 'unknown';
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, but another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'alive' : 'dead';
  }
  const start = startOf(pid);
  return start === startedAt ? 'alive' : 'dead';
}

function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command in field 2 may hold spaces and parentheses: count from behind it. A zombie has already died.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'zombie' : (fields[19] ?? '');
  } catch {
    return '';
  }
}

function ownNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
