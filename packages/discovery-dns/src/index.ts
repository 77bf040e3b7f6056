export { DnsDiscovery } from './dns-discovery.js';
export type { DnsDiscoveryOptions, DnsServices } from './dns-discovery-options.js';
export type { DnsHostTarget, DnsServiceTarget, DnsTarget } from './dns-target.js';
export type { DnsTransport } from './dns-client.js';
export type { IpVersion } from './address-look-up.js';
export type { Asking, DnsAnswer, Resolver } from './resolver.js';
export type { AddressRecord, AliasRecord, DnsQuestion, DnsRecord, QuestionType, ServiceRecord } from './dns-message.js';
