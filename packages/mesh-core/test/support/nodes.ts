import { MeshError, nullAuditSink, silentLogger, type AuditEventInput, type AuditSink, type Clock, type DiscoveryProvider, type Logger, type ServiceNode, type Transport } from '@lemur-bookstores/mesh-interface';
import { MeshNode } from '../../src/mesh-node.js';
import type { MeshNodeOptions } from '../../src/mesh-node-options.js';
import { MemoryTransport } from '../../src/transport/memory-transport.js';
import { PlainChannels, type PlainHooks } from './plain-channels.js';

/** A discovery that a test changes as it likes. */
export class TestDiscovery implements DiscoveryProvider {
  readonly description = 'the test';
  readonly nodes: ServiceNode[] = [];
  readonly #listeners = new Map<(nodes: ServiceNode[]) => void, string>();
  failure: Error | undefined;
  discovers = 0;

  async register(node: ServiceNode): Promise<void> {
    this.add(node);
  }

  async deregister(node: ServiceNode): Promise<void> {
    this.remove(node);
  }

  add(node: ServiceNode): void {
    this.nodes.push(node);
    this.#tell(node.id);
  }

  remove(node: ServiceNode): void {
    const index = this.nodes.findIndex((other) => other.id === node.id && other.port === node.port);
    if (index >= 0) this.nodes.splice(index, 1);
    this.#tell(node.id);
  }

  async discover(serviceId: string): Promise<ServiceNode[]> {
    this.discovers++;
    if (this.failure !== undefined) throw this.failure;
    return this.nodes.filter(({ id }) => id === serviceId);
  }

  watch(serviceId: string, listener: (nodes: ServiceNode[]) => void): () => void {
    this.#listeners.set(listener, serviceId);
    return () => void this.#listeners.delete(listener);
  }

  get watchers(): number {
    return this.#listeners.size;
  }

  #tell(serviceId: string): void {
    for (const [listener, id] of this.#listeners) if (id === serviceId) listener(this.nodes.filter((node) => node.id === serviceId));
  }
}

/** Keeps every event. */
export class RecordingAudit implements AuditSink {
  readonly enabled = true;
  readonly events: AuditEventInput[] = [];
  readonly contractOf = nullAuditSink.contractOf;

  record(event: AuditEventInput): undefined {
    this.events.push(event);
  }

  async log(event: AuditEventInput): Promise<void> {
    this.record(event);
  }

  actions(type?: string): string[] {
    return this.events.filter(({ eventType }) => type === undefined || eventType === type).map(({ details }) => details.action);
  }
}

/** Keeps every line. */
export class RecordingLogger implements Logger {
  readonly lines: string[] = [];
  debug(): void {}
  info(): void {}
  warn(message: string): void {
    this.lines.push(message);
  }
  error(message: string): void {
    this.lines.push(message);
  }
}

export type NodeSettings = Partial<Omit<MeshNodeOptions, 'channels'>> & { readonly hooks?: PlainHooks; readonly clock?: Clock; readonly trustDomain?: string };

/** Nodes that share a transport and a discovery; `stop()` ends all. */
export class TestMesh {
  readonly discovery = new TestDiscovery();
  readonly transport: Transport;
  readonly nodes: MeshNode[] = [];
  readonly #channels = new Map<MeshNode, PlainChannels>();
  readonly #defaults: NodeSettings;

  constructor(defaults: NodeSettings = {}) {
    this.transport = defaults.transport ?? new MemoryTransport();
    this.#defaults = defaults;
  }

  node(serviceId: string, settings: NodeSettings = {}): MeshNode {
    const { hooks, trustDomain, ...options } = { ...this.#defaults, ...settings };
    const channels = new PlainChannels(serviceId, hooks, trustDomain);
    const node = new MeshNode({
      port: 0,
      host: '127.0.0.1',
      discovery: this.discovery,
      logger: silentLogger,
      ...options,
      serviceId,
      transport: settings.transport ?? this.transport,
      channels,
    });
    this.#channels.set(node, channels);
    this.nodes.push(node);
    return node;
  }

  async started(serviceId: string, settings: NodeSettings = {}, setUp: (node: MeshNode) => void = () => {}): Promise<MeshNode> {
    const node = this.node(serviceId, settings);
    setUp(node);
    await node.start();
    return node;
  }

  /** What a node makes its handshakes with. */
  channelsOf(node: MeshNode): PlainChannels {
    return this.#channels.get(node) as PlainChannels;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}

export const untrusted = (): MeshError =>
  new MeshError('peer_untrusted', "the peer's trust domain is local-ab12, ours local-cd34: share keysDir or set identity (secure-stack-mesh ca init)", { mayHaveRun: false });
