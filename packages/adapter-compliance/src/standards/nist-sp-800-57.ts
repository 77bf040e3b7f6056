import type { Standard } from './standard.js';

export const NIST_SP_800_57: Standard = {
  id: 'NIST-SP-800-57',
  name: 'NIST SP 800-57 Part 1',
  version: 'Revision 5',
  notes: [
    'A recommendation: numbers are those of its sections.',
    'A change of session keys in a session is re-keying (8.2.3.1) by a fresh X25519 agreement, into which a secret of the session is mixed; no key is computed from its predecessor alone (key update, 8.2.3.2).',
  ],
  requirements: [
    {
      id: '5.3',
      otherIds: [],
      title: 'A cryptoperiod is set for each type of key, from the risk and the amount of data',
      evidence: ['the period in force for each type of key, by time and by volume, and where it comes from', 'actual age and volume of each key at its end'],
      outside: ['the assessment of risk that the length of the periods follows from'],
    },
    {
      id: '8.2.3',
      otherIds: [],
      title: 'A key is replaced by another at the end of its period, or earlier for cause',
      evidence: ['each change with what it was due to', 'changes that failed or came late'],
      outside: ['keys that are not changed by secure-stack-mesh'],
    },
    {
      id: '8.3.4',
      otherIds: [],
      title: 'Keys that are no longer needed are destroyed, every copy of them',
      evidence: ['for each retired key whether the process that held it destroyed it'],
      outside: ['copies beyond the memory of the process: core dumps, swap, images of virtual machines', 'records of keys at certificate authorities'],
    },
  ],
};
