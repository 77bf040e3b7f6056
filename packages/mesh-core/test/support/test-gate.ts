import type { CallGate, GatedCall, MeshError } from '@lemur-bookstores/mesh-interface';

/** A gate in a test's hand: so many places, what comes then waits, and what it is told to refuse it refuses. */
export class TestGate implements CallGate {
  places = Infinity;
  refusal: MeshError | undefined;
  readonly line: GatedCall[] = [];
  readonly asked: string[] = [];
  inside = 0;
  left = 0;

  enter(call: GatedCall): MeshError | 'wait' | undefined {
    this.asked.push(`${call.peer.serviceId} ${call.method}`);
    if (this.refusal !== undefined) return this.refusal;
    if (this.inside >= this.places) {
      this.line.push(call);
      return 'wait';
    }
    this.inside++;
    return undefined;
  }

  leave(call: GatedCall): void {
    const at = this.line.indexOf(call);
    if (at < 0) return;
    this.line.splice(at, 1);
    this.left++;
  }

  ended(): void {
    const next = this.line.shift();
    if (next === undefined) this.inside--;
    else next.onPlace();
  }
}
