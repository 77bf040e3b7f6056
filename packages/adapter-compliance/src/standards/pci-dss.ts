import type { Standard } from './standard.js';

/** v3.2.1 was retired on 31 March 2024; the guide, and many a checklist, still speak of its 3.6.4. */
export const PCI_DSS: Standard = {
  id: 'PCI-DSS',
  name: 'PCI DSS',
  version: 'v4.0.1',
  notes: [
    'Numbers are those of v4.0.1, those of v3.2.1 in brackets: v3.2.1 was retired on 31 March 2024.',
    'Sections 3.6 and 3.7 (v3.2.1: 3.5 and 3.6) are about keys that protect stored account data. The keys of this report protect data in transit, which 4.2.1 is about. ' +
      'For 3.7 they are evidence only where the assessor counts them among the keys in scope.',
  ],
  requirements: [
    {
      id: '3.7.4',
      otherIds: [{ version: 'v3.2.1', id: '3.6.4' }],
      title: 'Keys are changed at the end of a cryptoperiod that is defined for each type of key, by time, by the amount of data, or by both',
      evidence: [
        'the cryptoperiod in force for each type of key, by time and by volume, and where it comes from',
        'for each key when it came into use, its age and its volume when it was changed, and what the change was due to',
        'keys that were used for longer than their cryptoperiod, and changes that failed',
      ],
      outside: ['the documented procedures, the reasons for the length of the periods, and the interviews and observations that testing asks for', 'keys that protect stored account data'],
    },
    {
      id: '3.7.5',
      otherIds: [{ version: 'v3.2.1', id: '3.6.5' }],
      title: 'Keys are retired, replaced or destroyed when their period ends, when they are weakened, or when a compromise is known or suspected, and encrypt nothing after that',
      evidence: ['for each key when it was retired, whether it was destroyed, and why', 'changes because of a compromise', 'that a retired key encrypts nothing: it is destroyed when its successor is in use'],
      outside: ['the documented procedures, and who has to decide that a key is weakened', 'keys that protect stored account data, and archived keys'],
    },
    {
      id: '4.2.1',
      otherIds: [{ version: 'v3.2.1', id: '4.1' }],
      title: 'Primary account numbers (PAN) that cross open, public networks are protected by strong cryptography, with trusted keys and certificates only',
      evidence: ['the algorithms in use for sessions, handshakes and certificates', 'the certificates that were in use, and their changes'],
      outside: ['which connections carry PAN', 'connections that are not made by secure-stack-mesh', 'the inventory of trusted keys and certificates (4.2.1.1)'],
    },
    {
      id: '10.2',
      otherIds: [{ version: 'v3.2.1', id: '10.2' }],
      title: 'Audit logs are kept that let anomalies be found and events be reconstructed',
      evidence: ['when the audit trail started and stopped (10.2.1.6; v3.2.1: 10.2.6)', 'changes of the certificates that services authenticate with (10.2.1.5; v3.2.1: 10.2.5), and of all other keys', 'gaps in what was recorded', 'the heads of the audit logs, under which they can be verified'],
      outside: ['the audit logs themselves, their review and their retention', 'access by people'],
    },
  ],
};
