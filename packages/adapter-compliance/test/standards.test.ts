import { describe, expect, test } from '@jest/globals';
import { findRequirement, STANDARDS } from '../src/standards/find-requirement.js';

describe('a requirement', () => {
  test.each([
    ['PCI-DSS', '3.6.4', '3.7.4', '3.7.4 (v3.2.1: 3.6.4)'],
    ['PCI-DSS', '3.7.4', '3.7.4', '3.7.4 (v3.2.1: 3.6.4)'],
    ['pci dss', ' 3.6.5 ', '3.7.5', '3.7.5 (v3.2.1: 3.6.5)'],
    ['PCI_DSS', '4.2.1', '4.2.1', '4.2.1 (v3.2.1: 4.1)'],
    ['PCI-DSS', '4.1', '4.2.1', '4.2.1 (v3.2.1: 4.1)'],
    ['PCI-DSS', '10.2', '10.2', '10.2'],
    ['SOC 2', 'cc6.1', 'CC6.1', 'CC6.1'],
    ['ISO/IEC 27001', 'A.8.24', 'A.8.24', 'A.8.24 (2013: A.10.1.1, 2013: A.10.1.2)'],
    ['ISO-27001', 'A.10.1.2', 'A.8.24', 'A.8.24 (2013: A.10.1.1, 2013: A.10.1.2)'],
    ['NIST-SP-800-57', '5.3', '5.3', '5.3'],
  ])('%s %s is %s', (standard, requirement, id, label) => {
    expect(findRequirement(standard, requirement)).toMatchObject({ requirement: { id }, label });
  });

  test.each<[unknown, unknown, string]>([
    ['HIPAA', '164.312', "standard: 'HIPAA' is not known; there are PCI-DSS, SOC2, ISO-27001, NIST-SP-800-57"],
    [undefined, '3.6.4', 'standard: what is not given is not known; there are PCI-DSS, SOC2, ISO-27001, NIST-SP-800-57'],
    ['PCI-DSS', '3.6', "requirement: '3.6' is not known of PCI-DSS; there are 3.7.4 (v3.2.1: 3.6.4), 3.7.5 (v3.2.1: 3.6.5), 4.2.1 (v3.2.1: 4.1), 10.2"],
    ['PCI-DSS', 3.6, 'requirement: what is no text is not known of PCI-DSS; there are 3.7.4 (v3.2.1: 3.6.4), 3.7.5 (v3.2.1: 3.6.5), 4.2.1 (v3.2.1: 4.1), 10.2'],
    ['SOC2', '', "requirement: '' is not known of SOC2; there are CC6.1"],
    ['constructor', 'toString', "standard: 'constructor' is not known; there are PCI-DSS, SOC2, ISO-27001, NIST-SP-800-57"],
  ])('%j %j is not known, and it is said which are', (standard, requirement, problem) => {
    expect(findRequirement(standard, requirement)).toBe(problem);
  });
});

describe('the standards', () => {
  test('claim nothing: each requirement has what speaks to it, and what it asks for beyond that', () => {
    for (const { notes, requirements } of STANDARDS) {
      expect(notes.length).toBeGreaterThan(0);
      for (const { title, evidence, outside } of requirements) for (const list of [[title], evidence, outside]) expect(list.filter((text) => text !== '').length).toBeGreaterThan(0);
    }
    expect(JSON.stringify(STANDARDS)).not.toMatch(/complian/i);
  });

  test('have no number twice: one in an old version is no other one in the new', () => {
    for (const { requirements } of STANDARDS) {
      const numbers = requirements.flatMap(({ id, otherIds }) => [...new Set([id, ...otherIds.map((other) => other.id)])]);
      expect(new Set(numbers).size).toBe(numbers.length);
    }
  });
});
