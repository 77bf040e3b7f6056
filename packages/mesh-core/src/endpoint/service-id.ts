import { MeshError } from '@lemur-bookstores/mesh-interface';

/** PROTOCOL 6.1. */
const SERVICE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Whether a value names a service. What names none never becomes part of a file name or a SPIFFE id. */
export const isServiceId = (value: unknown): value is string => typeof value === 'string' && SERVICE_ID.test(value);

/** @throws MeshError `invalid_option` */
export function assertServiceId(value: unknown): asserts value is string {
  if (isServiceId(value)) return;
  throw new MeshError('invalid_option', `${JSON.stringify(value) ?? typeof value} is not a service id: a letter or digit, then up to 62 letters, digits, '.', '_' and '-'`);
}
