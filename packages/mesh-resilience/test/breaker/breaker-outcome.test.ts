import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { MESH_ERROR_CODES, MeshError, type MeshErrorCode } from '@lemur-bookstores/mesh-interface';
import { errorOfCall, outcomeOf, OUTCOME_BY_CODE } from '../../src/breaker/breaker-outcome.js';

const of = (code: MeshErrorCode, mayHaveRun?: boolean): MeshError => new MeshError('some_reason', 'text', { code, ...(mayHaveRun === undefined ? {} : { mayHaveRun }) });

describe('what a call says of its endpoint', () => {
  test('a result is a success', () => {
    expect(outcomeOf(undefined)).toBe('success');
  });

  test.each(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'INTERNAL', 'UNKNOWN', 'DATA_LOSS'] as const)('%s is a failure, whether it ran or not', (code) => {
    for (const mayHaveRun of [true, false, undefined]) for (const answered of [true, false, undefined]) expect(outcomeOf(of(code, mayHaveRun), answered)).toBe('failure');
  });

  test.each(['RESOURCE_EXHAUSTED', 'CANCELLED'] as const)('%s says nothing', (code) => {
    for (const mayHaveRun of [true, false, undefined]) expect(outcomeOf(of(code, mayHaveRun))).toBe('none');
  });

  test.each(['INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED', 'UNAUTHENTICATED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED'] as const)(
    '%s is the answer of an endpoint that works; where it did not get there, it says nothing',
    (code) => {
      expect([outcomeOf(of(code, true)), outcomeOf(of(code, false)), outcomeOf(of(code))]).toEqual(['success', 'none', 'none']);
      // Who knows where it came from says so: an endpoint that refuses without running anything has answered.
      expect([outcomeOf(of(code, false), true), outcomeOf(of(code, true), false)]).toEqual(['success', 'none']);
    },
  );

  test('there is no other code, and one of another version is a failure', () => {
    expect(Object.keys(OUTCOME_BY_CODE).sort()).toEqual([...MESH_ERROR_CODES].sort());
    expect(outcomeOf(of('SOMETHING_NEW' as MeshErrorCode))).toBe('failure');
  });

  test('the tables of README and documentation say the same', () => {
    const said = { failure: 'failure', none: 'nothing', answered: 'success' };
    for (const document of ['../../README.md', '../../../../docs/resilience.md']) {
      const text = readFileSync(new URL(document, import.meta.url), 'utf8');
      const rows = [...text.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \| (failure|nothing|success) \|/gm)];
      const table = rows.flatMap(([, codes = '', outcome]) => [...codes.matchAll(/`(\w+)`/g)].map(([, code]) => [code, outcome]));
      expect(Object.fromEntries(table)).toEqual(Object.fromEntries(Object.entries(OUTCOME_BY_CODE).map(([code, outcome]) => [code, said[outcome]])));
      expect(table).toHaveLength(MESH_ERROR_CODES.length);
    }
  });
});

describe('a call that ended because its signal was aborted', () => {
  const aborted = (reason?: unknown): AbortSignal => AbortSignal.abort(reason);
  const deadline = new MeshError('deadline_exceeded', 'no answer');

  test('is a timeout where its time was up, whatever was thrown for it', () => {
    const abortError = new DOMException('This operation was aborted', 'AbortError');
    const timeoutError = new DOMException('The operation timed out', 'TimeoutError');
    for (const [thrown, reason] of [[abortError, deadline], [deadline, deadline], [new MeshError('cancelled', 'x', { cause: deadline }), deadline], [timeoutError, timeoutError]]) {
      expect(outcomeOf(errorOfCall(thrown, aborted(reason)))).toBe('failure');
    }
    // As mesh-core says it of the call inside.
    expect(outcomeOf(new MeshError('cancelled', 'the call was cancelled', { cause: deadline, mayHaveRun: true }))).toBe('failure');
  });

  test('says nothing where the caller gave up', () => {
    const reason = new Error('the user left');
    expect(outcomeOf(errorOfCall(reason, aborted(reason)))).toBe('none');
    expect(outcomeOf(errorOfCall(new DOMException('aborted', 'AbortError'), aborted()))).toBe('none');
  });

  test('keeps what it really came to', () => {
    const error = new MeshError('connect_failed', 'nobody there');
    expect(errorOfCall(error, aborted())).toBe(error);
    expect(outcomeOf(errorOfCall('thrown', new AbortController().signal))).toBe('failure');
  });
});
