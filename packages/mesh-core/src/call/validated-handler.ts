import { MeshError, type Logger } from '@lemur-bookstores/mesh-interface';
import type { Check, Checks } from './handler-schemas.js';
import type { AnyHandler, RunningCall } from './handlers.js';
import { inputIssues } from './input-issues.js';
import { isThenable } from './is-thenable.js';
import { issuePath } from './issue-path.js';

/** Issues that are looked at. */
const MAX_ISSUES = 32;
/** Paths that the log names. */
const MAX_PATHS = 8;

/** What a schema said: the value to use, or the first issues and how many there are. */
type Verdict = { readonly value: unknown } | { readonly issues: readonly unknown[]; readonly count: number };

/**
 * A handler that runs on what its schemas make of input and result. The innermost of all: what interceptors made of an input is what is checked. Where
 * schema and handler answer at once, so does this.
 */
export class ValidatedHandler {
  readonly #method: string;
  readonly #checks: Checks;
  readonly #handler: AnyHandler;
  readonly #logger: Logger;

  constructor(method: string, checks: Checks, handler: AnyHandler, logger: Logger) {
    this.#method = method;
    this.#checks = checks;
    this.#handler = handler;
    this.#logger = logger;
  }

  /** A schema that never answers ends with the call's deadline, as a handler does. */
  readonly handle: AnyHandler = (input, call) => {
    const check = this.#checks.input;
    if (check === undefined) return this.#run(input, call);
    // Until the handler runs, a failure is a proof that it has not.
    call.progress('checking');
    const answer = this.#ask(check, input, 'input');
    if (answer instanceof Promise) return answer.then((verdict) => this.#run(this.#accepted(verdict, input), call));
    return this.#run(this.#accepted(answer, input), call);
  };

  #run(input: unknown, call: RunningCall): unknown {
    // Where the answer vouched that it has not run, or nobody waits, it must not run later either.
    if (!call.progress('running')) throw new MeshError('cancelled', `'${this.#method}' has ended before its handler ran`);
    const result = this.#handler(input, call);
    const check = this.#checks.output;
    if (check === undefined) return result;
    return isThenable(result) ? new Promise((resolve) => resolve(result)).then((value) => this.#checked(check, value)) : this.#checked(check, result);
  }

  #checked(check: Check, result: unknown): unknown {
    const answer = this.#ask(check, result, 'result');
    return answer instanceof Promise ? answer.then((verdict) => this.#sendable(verdict)) : this.#sendable(answer);
  }

  /** @throws MeshError `input_invalid` */
  #accepted(verdict: Verdict, input: unknown): unknown {
    if ('value' in verdict) return verdict.value;
    const { issues, count } = verdict;
    // The trail has the text, and the trail never has content: that is in `details`.
    throw new MeshError('input_invalid', `the input of '${this.#method}' does not fit its schema${count === 1 ? ' in one place' : `: ${count} issues`}`, { details: inputIssues(issues, count, input) });
  }

  /** @throws MeshError `result_invalid` */
  #sendable(verdict: Verdict): unknown {
    if ('value' in verdict) {
      // It would be waited for, and what comes of it would be sent unchecked.
      if (!isThenable(verdict.value)) return verdict.value;
      this.#logger.error(`the schema of the result of '${this.#method}' gave a promise as the value`);
    } else {
      // No messages: some libraries quote the value in them.
      const paths = verdict.issues.slice(0, MAX_PATHS).map((issue) => pathOf(issue) || 'the value itself');
      this.#logger.error(`the result of '${this.#method}' does not fit its schema at ${paths.join(', ')}${verdict.count > MAX_PATHS ? ' …' : ''}`, { issues: verdict.count });
    }
    throw new MeshError('result_invalid', 'the result does not fit its schema');
  }

  /** @returns a native promise where the schema takes its time. @throws MeshError `handler_failed` where the schema itself is broken */
  #ask(check: Check, value: unknown, what: 'input' | 'result'): Verdict | Promise<Verdict> {
    try {
      const answer = check(value);
      if (!isThenable(answer)) return read(answer);
      return new Promise((resolve) => resolve(answer)).then(read).catch((error: unknown) => this.#broken(error, what));
    } catch (error) {
      return this.#broken(error, what);
    }
  }

  #broken(error: unknown, what: 'input' | 'result'): never {
    this.#logger.error(`the schema of the ${what} of '${this.#method}' is broken`, { error: error instanceof Error ? (error.stack ?? error.message) : MeshError.from(error).text });
    throw new MeshError('handler_failed', `the ${what} could not be checked`, { cause: error });
  }
}

/** What counts as an answer is no more than the specification says: a schema that cannot say what is wrong has not said that nothing is. */
function read(answer: unknown): Verdict {
  if ((typeof answer !== 'object' && typeof answer !== 'function') || answer === null) throw new TypeError('it answered no object');
  const { issues } = answer as { readonly issues?: unknown };
  // By index: some libraries' lists have methods of their own.
  if (Array.isArray(issues)) return { issues: Array.from({ length: Math.min(issues.length, MAX_ISSUES) }, (_, index) => (issues as unknown[])[index]), count: issues.length };
  if (issues !== undefined) throw new TypeError('it answered issues that are no list');
  if (!('value' in answer)) throw new TypeError('it answered neither a value nor issues');
  return { value: answer.value };
}

function pathOf(issue: unknown): string {
  try {
    return issuePath((issue as { readonly path?: unknown }).path);
  } catch {
    return '[?]';
  }
}
