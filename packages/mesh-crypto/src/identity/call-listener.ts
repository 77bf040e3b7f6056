/**
 * Calls somebody else's listener, at once. What it throws, or rejects with later (a listener may well be async, and nobody awaits it),
 * goes to `failed`: as an unhandled rejection it would end the process.
 */
export function callListener(listener: () => unknown, failed: (error: unknown) => void): void {
  new Promise((resolve) => resolve(listener())).catch(failed);
}
