import type { Standard } from './standard.js';

export const ISO_27001: Standard = {
  id: 'ISO-27001',
  name: 'ISO/IEC 27001',
  version: '2022, Annex A',
  notes: ['The rules that control A.8.24 asks for are the organisation\'s own: this report shows how keys in transit were handled, to be held against them.'],
  requirements: [
    {
      id: 'A.8.24',
      otherIds: [
        { version: '2013', id: 'A.10.1.1' },
        { version: '2013', id: 'A.10.1.2' },
      ],
      title: 'Rules for the use of cryptography, the management of its keys included, are defined and carried out',
      evidence: ['the keys in use, their algorithms, periods and where those come from', 'activation, change, retirement and destruction of each', 'where that did not go as the policy says'],
      outside: ['the rules themselves, roles and responsibilities', 'keys for data at rest, for signing documents and for other software'],
    },
  ],
};
