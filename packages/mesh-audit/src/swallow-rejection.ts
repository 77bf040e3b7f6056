/** Takes the place of whoever should have handled a promise that a user's synchronous callback answered with: its rejection would end the process. */
export function swallowRejection(answer: unknown): void {
  if ((typeof answer !== 'object' && typeof answer !== 'function') || answer === null) return;
  // Not Promise.resolve(): a hostile `constructor` or `then` may throw, which here is a rejection too.
  new Promise((resolve) => resolve(answer)).catch(() => undefined);
}
