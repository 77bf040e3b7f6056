const SERVICE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** PROTOCOL 6.1, for people. */
export const SERVICE_ID_RULE = 'must be a letter or digit, then up to 62 letters, digits, dots, underscores and hyphens';

/** Whether a value names a service. */
export const isServiceId = (value: unknown): value is string => typeof value === 'string' && SERVICE_ID.test(value);
