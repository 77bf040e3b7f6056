import type { Standard } from './standard.js';

export const SOC_2: Standard = {
  id: 'SOC2',
  name: 'SOC 2 (Trust Services Criteria)',
  version: '2017, points of focus revised 2022',
  notes: ['Criteria are met by controls that the organisation describes itself: this report shows how one of them, the change of keys, worked in the period.'],
  requirements: [
    {
      id: 'CC6.1',
      otherIds: [],
      title: 'Logical access to protected information is restricted, encryption and the protection of its keys included',
      evidence: ['the keys that protected data in transit, their algorithms and their periods', 'that keys were generated, changed and destroyed as the policy says, and where they were not'],
      outside: ['access by people, its granting and its review', 'data at rest and its keys', "the description of the organisation's controls"],
    },
  ],
};
