import type { FaultyNetwork, Place } from './faulty-network.js';
import { NetworkNamespace } from './network-namespace.js';

/** What a real network does to connections without telling either end. */
export const NAMESPACE_FAULTS = ['cut to the instance', 'cut from the instance', 'cut both ways', 'link down', '1 Mbit/s', 'small MTU'] as const;
export type NamespaceFault = (typeof NAMESPACE_FAULTS)[number];

/** Of Ethernet, and one that the requests of a test do not fit into. */
const MTU = 1_500;
const SMALL_MTU = 600;

interface Instance extends Place {
  readonly namespace: NetworkNamespace;
  /** The router's end of its cable, and its own. */
  readonly device: string;
  readonly ownDevice: string;
}

/** A caller and instances in namespaces of their own, each on a cable to one router. */
export class NamespaceNetwork implements FaultyNetwork<NamespaceFault> {
  readonly caller: Place;
  readonly instances: readonly Instance[];
  readonly #router: NetworkNamespace;
  readonly #namespaces: NetworkNamespace[] = [];
  readonly #undo = new Map<number, (() => void)[]>();

  constructor(instances: number) {
    try {
      this.#router = this.#namespace();
      this.#router.forward();
      this.caller = this.#host(0);
      this.instances = Array.from({ length: instances }, (_, index) => this.#host(index + 1));
    } catch (error) {
      this.#remove();
      throw error;
    }
  }

  reach(instance: number, port: number): Promise<{ host: string; port: number }> {
    return Promise.resolve({ host: this.#at(instance).host, port });
  }

  inflict(instance: number, fault: NamespaceFault): void {
    const { namespace, device, ownDevice, host } = this.#at(instance);
    const undo: (() => void)[] = [];
    this.#undo.set(instance, undo);
    const both = (act: (namespace: NetworkNamespace, device: string) => void): void => {
      act(this.#router, device);
      act(namespace, ownDevice);
    };
    // In the router, behind which the caller sees nothing; and for the way back, which all instances share there, at the instance.
    const cuts = { 'cut to the instance': [[this.#router, host]], 'cut from the instance': [[namespace, this.caller.host]], 'cut both ways': [[this.#router, host], [namespace, this.caller.host]] } as const;
    switch (fault) {
      case 'link down':
        this.#router.ip('link', 'set', device, 'down');
        undo.push(() => this.#router.ip('link', 'set', device, 'up'));
        return;
      case '1 Mbit/s':
        both((end, name) => end.tc('qdisc', 'add', 'dev', name, 'root', 'tbf', 'rate', '1mbit', 'burst', '16kb', 'latency', '400ms'));
        undo.push(() => both((end, name) => end.tc('qdisc', 'del', 'dev', name, 'root')));
        return;
      case 'small MTU':
        both((end, name) => end.ip('link', 'set', name, 'mtu', String(SMALL_MTU)));
        undo.push(() => both((end, name) => end.ip('link', 'set', name, 'mtu', String(MTU))));
        return;
      default:
        for (const [at, to] of cuts[fault]) {
          at.ip('route', 'add', 'blackhole', `${to}/32`);
          undo.push(() => at.ip('route', 'del', 'blackhole', `${to}/32`));
        }
    }
  }

  heal(instance: number): void {
    for (const undo of this.#undo.get(instance) ?? []) undo();
    this.#undo.delete(instance);
  }

  close(): Promise<void> {
    this.#remove();
    return Promise.resolve();
  }

  #at(instance: number): Instance {
    return this.instances[instance] as Instance;
  }

  #host(index: number): Instance {
    const namespace = this.#namespace();
    const [router, host] = [`10.77.${index}.1`, `10.77.${index}.2`];
    const [device, ownDevice] = [`port${index}`, 'eth0'];
    namespace.link(ownDevice, `${host}/30`, this.#router, device, `${router}/30`);
    namespace.ip('route', 'add', 'default', 'via', router);
    return { namespace, device, ownDevice, host, prefix: namespace.prefix };
  }

  #namespace(): NetworkNamespace {
    const namespace = new NetworkNamespace();
    this.#namespaces.push(namespace);
    return namespace;
  }

  #remove(): void {
    for (const namespace of this.#namespaces.splice(0)) namespace.remove();
  }
}
