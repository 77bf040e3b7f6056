// The child's half of processes.mjs: announces itself, then does what its parent asks, one answer a task.

/** @param tasks functions by name @param announced what the parent's `ready()` resolves with */
export function answerTasks(tasks, announced = {}) {
  process.on('message', async ({ id, task, options }) => {
    try {
      process.send({ id, result: await tasks[task](options) });
    } catch (error) {
      process.send({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  // Whoever asked is gone: so are we, whatever is still open.
  process.on('disconnect', () => process.exit(0));
  process.send(announced);
}
