import {
  AUDIT_EVENT_TYPES,
  DEFAULT_DELIVERY,
  DELIVERY_CONTRACTS,
  type AuditEventType,
  type DeliveryContract,
  type ManagedAdapter,
} from '@lemur-bookstores/mesh-interface';

/** What is promised of which events. Types not named keep their default. */
export type DeliveryOptions = { readonly [Type in AuditEventType]?: DeliveryContract | undefined };

/** The contract of every type of event. */
export type DeliveryContracts = Readonly<Record<AuditEventType, DeliveryContract>>;

/** Whether events of a type can reach an adapter at all. */
export type TypeTest = (eventType: AuditEventType) => boolean;

/** The defaults with what is said otherwise; problems by path. */
export function completeContracts(delivery: DeliveryOptions, problems: string[]): DeliveryContracts {
  // Without a prototype: events of types that nobody knows are looked up, too.
  const contracts = Object.assign(Object.create(null) as Record<AuditEventType, DeliveryContract>, DEFAULT_DELIVERY);
  if (typeof delivery !== 'object' || delivery === null) {
    problems.push('delivery: must be an object that gives event types their contracts');
    return contracts;
  }
  for (const [type, contract] of Object.entries(delivery)) {
    if (contract === undefined) continue;
    if (!(AUDIT_EVENT_TYPES as readonly string[]).includes(type)) problems.push(`delivery.${type}: no type of event; there are ${AUDIT_EVENT_TYPES.join(', ')}`);
    else if (!DELIVERY_CONTRACTS.includes(contract)) problems.push(`delivery.${type}: must be one of ${DELIVERY_CONTRACTS.join(', ')}, not '${String(contract)}'`);
    else contracts[type as AuditEventType] = contract;
  }
  return Object.freeze(contracts);
}

/** Contracts that could never be kept: every operation they guard would fail. */
export function impossibleContracts(contracts: DeliveryContracts, adapters: readonly ManagedAdapter[], passes: TypeTest): string[] {
  const durable = adapters.some((adapter) => adapter.durable === true);
  return AUDIT_EVENT_TYPES.filter((type) => contracts[type] === 'fail-closed' && !(durable && passes(type))).map((type) =>
    durable
      ? `delivery.${type}: fail-closed, but level or events keep these events from every adapter`
      : `delivery.${type}: fail-closed needs an adapter that is durable, such as FileAdapter; without one every such operation would be refused`,
  );
}

/** Types of event that are promised more than any adapter keeps, where there is no spill either. */
export function unkeptContracts(contracts: DeliveryContracts, adapters: readonly ManagedAdapter[], passes: TypeTest): AuditEventType[] {
  if (adapters.some((adapter) => adapter.durable === true)) return [];
  return AUDIT_EVENT_TYPES.filter((type) => contracts[type] !== 'best-effort' && passes(type));
}
