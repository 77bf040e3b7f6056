import type { MeshError, MeshErrorReason } from '@lemur-bookstores/mesh-interface';

/** By reason, not by code: that of another adapter may be about one event. */
const REASONS: readonly string[] = ['sink_unauthenticated', 'sink_not_found'] satisfies MeshErrorReason[];

/** Whether the sink refuses us, whatever it is given: a wrong key, a wrong address. */
export const isSinkTrouble = ({ reason }: MeshError): boolean => REASONS.includes(reason);
