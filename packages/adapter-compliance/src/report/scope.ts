/** What a report is and is not: for whoever reads it without this documentation. */
export const SCOPE: readonly string[] = [
  'This report is supporting evidence. It is neither an assessment nor an attestation: whether a requirement is met is for an assessor to decide, from this and from much that this report cannot show.',
  'It is about the keys that protect data in transit between services of secure-stack-mesh: session keys (one connection each), static keys of the Noise handshake, and keys of identity certificates. It has what the ' +
    'processes of the services named here recorded of their own keys in the period.',
  'It is not about keys of stored data, of databases, load balancers, certificate authorities and other software; nor about procedures, roles and people; nor about services and processes that keep no ledger.',
  'Key ids are hashes of public parts: no key, and no part of one, is in it.',
  'It cannot show what was not recorded: see the gaps in coverage. Times are those of the hosts of the services. A process under somebody else\'s control can choose what to record.',
];

/** Of everything that a report is called. */
export const titleOf = (standardName: string, label: string): string => `Supporting evidence on key management for ${standardName} ${label}`;
