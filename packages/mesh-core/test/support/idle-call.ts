import type { MeshError } from '@lemur-bookstores/mesh-interface';
import { PendingCall } from '../../src/session/pending-call.js';
import { encodeMethod } from '../../src/wire/request.js';

/** A call that only counts. */
export class IdleCall extends PendingCall {
  readonly flags = 0;
  readonly method = encodeMethod('m');
  readonly extras = undefined;
  readonly body: Uint8Array | undefined = undefined;
  failure: MeshError | undefined;
  notProcessed = 0;

  onResponse(): MeshError | undefined {
    return undefined;
  }

  onFailure(error: MeshError): void {
    this.failure = error;
  }

  onNotProcessed(): void {
    this.notProcessed++;
  }

  onDeadline(): void {}
}
