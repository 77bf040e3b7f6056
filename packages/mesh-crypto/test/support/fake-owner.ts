import type { RekeyTrigger, SessionOwner, SessionsRotated } from '@lemur-bookstores/mesh-interface';

type Way = keyof SessionOwner;

/** An owner of sessions that answers when a test says so; at once, unless it `holds`. */
export class FakeOwner implements SessionOwner {
  readonly asked: { readonly way: Way; readonly trigger: RekeyTrigger; readonly withinMs: number }[] = [];
  answer: SessionsRotated = { rotated: 3, ended: 0, left: 0 };
  holds: Way | undefined;
  onAsked: (way: Way) => void = () => undefined;
  #release: (() => void)[] = [];

  rekeySessions(trigger: RekeyTrigger, withinMs: number): Promise<SessionsRotated> {
    return this.#ask('rekeySessions', trigger, withinMs);
  }

  renewSessions(trigger: RekeyTrigger, withinMs: number): Promise<SessionsRotated> {
    return this.#ask('renewSessions', trigger, withinMs);
  }

  release(): void {
    this.holds = undefined;
    for (const release of this.#release.splice(0)) release();
  }

  #ask(way: Way, trigger: RekeyTrigger, withinMs: number): Promise<SessionsRotated> {
    this.asked.push({ way, trigger, withinMs });
    this.onAsked(way);
    if (this.holds !== way) return Promise.resolve(this.answer);
    return new Promise((resolve) => this.#release.push(() => resolve(this.answer)));
  }
}
