import { MeshError, type Clock, type Logger, type SessionOwner, type SessionsRotated } from '@lemur-bookstores/mesh-interface';

/** What an owner may take longer than it was given, in ms: then it is not waited for. */
const GRACE_MS = 1_000;

const NONE: SessionsRotated = Object.freeze({ rotated: 0, ended: 0, left: 0 });

/** Whoever has live sessions of one crypto manager: several meshes may share it. */
export class SessionOwners {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #owners = new Set<SessionOwner>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** @returns the function that takes it away */
  add(owner: SessionOwner): () => void {
    this.#owners.add(owner);
    return () => void this.#owners.delete(owner);
  }

  /** New keys for all sessions of all owners, by one of the ways of {@link SessionOwner}. Never rejects, and never waits much longer than `withinMs`. */
  async ask(how: keyof SessionOwner, trigger: Parameters<SessionOwner['rekeySessions']>[0], withinMs: number): Promise<SessionsRotated> {
    const answers = await Promise.all([...this.#owners].map((owner) => this.#inTime(() => owner[how](trigger, withinMs), withinMs + GRACE_MS)));
    return answers.reduce((sum, { rotated, ended, left }) => ({ rotated: sum.rotated + rotated, ended: sum.ended + ended, left: sum.left + left }), NONE);
  }

  #inTime(ask: () => Promise<SessionsRotated>, withinMs: number): Promise<SessionsRotated> {
    return new Promise((resolve) => {
      const give = (answer: SessionsRotated): void => {
        timer.cancel();
        resolve(answer);
      };
      const fail = (error: unknown): void => {
        this.#logger.warn('an owner of sessions could not give them new keys', { reason: MeshError.from(error).message });
        give(NONE);
      };
      const timer = this.#clock.setTimeout(() => fail(new Error(`no answer within ${withinMs} ms`)), withinMs);
      new Promise<SessionsRotated>((answer) => answer(ask())).then(give, fail);
    });
  }
}
