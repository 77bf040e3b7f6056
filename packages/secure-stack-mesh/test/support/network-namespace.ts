import { execFileSync } from 'node:child_process';

/** Debian puts `ip` and `tc` where only root looks. */
const ENVIRONMENT = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin:/usr/local/sbin` };
const PREFIX = 'mesh-test';

const live = new Set<NetworkNamespace>();
let made = 0;

/** A network of its own for processes: what they send leaves it only through links that a test makes. Needs root and iproute2. */
export class NetworkNamespace {
  /** It has the pid of who made it: one whose maker is dead belongs to nobody. */
  readonly name = `${PREFIX}-${process.pid}-${made++}`;

  constructor() {
    if (made === 1) begin();
    run('ip', ['netns', 'add', this.name]);
    live.add(this);
    this.ip('link', 'set', 'lo', 'up');
  }

  /** What stands before a command that is to run in it. It becomes that command: same pid, same descriptors. */
  get prefix(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name];
  }

  ip(...args: readonly string[]): void {
    run('ip', ['-n', this.name, ...args]);
  }

  tc(...args: readonly string[]): void {
    run('ip', ['netns', 'exec', this.name, 'tc', ...args]);
  }

  /** Hands on what is for others, as a router does. */
  forward(): void {
    run('ip', ['netns', 'exec', this.name, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  }

  /** A cable between two of them; each end has a name and an address. */
  link(device: string, address: string, other: NetworkNamespace, otherDevice: string, otherAddress: string): void {
    run('ip', ['link', 'add', device, 'netns', this.name, 'type', 'veth', 'peer', 'name', otherDevice, 'netns', other.name]);
    for (const [end, name, own] of [[this, device, address], [other, otherDevice, otherAddress]] as const) {
      end.ip('address', 'add', own, 'dev', name);
      end.ip('link', 'set', name, 'up');
    }
  }

  /** Its links go with it; processes in it keep it alive, unnamed, until they end. */
  remove(): void {
    if (live.delete(this)) run('ip', ['netns', 'delete', this.name]);
  }
}

/** Why this process cannot have namespaces; `undefined` where it can. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'they need root on Linux';
  const name = `${PREFIX}-${process.pid}-probe`;
  try {
    run('ip', ['netns', 'add', name]);
  } catch (error) {
    return String((error as Error).message).split('\n').slice(0, 2).join(': ');
  }
  try {
    run('ip', ['-n', name, 'link', 'add', 'probe0', 'type', 'veth', 'peer', 'name', 'probe1']);
    run('ip', ['netns', 'exec', name, 'tc', 'qdisc', 'add', 'dev', 'probe0', 'root', 'tbf', 'rate', '1mbit', 'burst', '16kb', 'latency', '400ms']);
    return undefined;
  } catch (error) {
    return String((error as Error).message).split('\n').slice(0, 2).join(': ');
  } finally {
    run('ip', ['netns', 'delete', name]);
  }
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { env: ENVIRONMENT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
}

/** Takes away what killed runs have left, and sees to it that this one leaves nothing. */
function begin(): void {
  process.once('exit', () => {
    for (const namespace of [...live]) namespace.remove();
  });
  for (const [name, pid] of run('ip', ['netns', 'list']).matchAll(new RegExp(`^${PREFIX}-(\\d+)-\\w+`, 'gm'))) {
    if (isAlive(Number(pid))) continue;
    try {
      run('ip', ['netns', 'delete', name]);
    } catch {
      // Another run was quicker.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
