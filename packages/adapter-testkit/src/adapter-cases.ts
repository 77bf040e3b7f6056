import { ABORT_CASES } from './cases/abort.js';
import { BATCH_CASES } from './cases/batches.js';
import { ERROR_CASES } from './cases/errors.js';
import { HOSTILE_CASES } from './cases/hostile-events.js';
import { ISOLATION_CASES } from './cases/isolation.js';
import { LIFE_CYCLE_CASES } from './cases/life-cycle.js';
import { MEMBER_CASES } from './cases/members.js';
import { CONTENT_CASES } from './cases/order-and-content.js';
import { SECRET_CASES } from './cases/secrets.js';
import type { AdapterCase } from './case.js';

/** Every case, by theme. */
export const ADAPTER_CASES: readonly AdapterCase[] = [
  ...MEMBER_CASES,
  ...LIFE_CYCLE_CASES,
  ...CONTENT_CASES,
  ...HOSTILE_CASES,
  ...BATCH_CASES,
  ...ABORT_CASES,
  ...ERROR_CASES,
  ...ISOLATION_CASES,
  ...SECRET_CASES,
];
