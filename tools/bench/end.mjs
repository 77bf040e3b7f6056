// One end of a comparison in a process of its own: `node end.mjs <system>`. Does what its parent asks, one task at a time.
import { connecting, latency, load } from './scenarios.mjs';

const system = await import(new URL(`systems/${process.argv[2]}.mjs`, import.meta.url));
let server;
let connection;
let target;

const tasks = {
  serve: async (options) => {
    server = await system.startServer(options);
    return server.target;
  },
  stop: () => server.stop(),
  connect: async (where) => {
    target = where;
    connection = await system.connect(target);
  },
  disconnect: () => connection.close(),
  load: ({ scenario, ...limits }) => load(connection, scenario, limits),
  latency: (limits) => latency(connection, limits),
  connecting: (limits) => connecting(() => system.connect(target), limits),
  cpuUs: () => {
    const { user, system: kernel } = process.cpuUsage();
    return user + kernel;
  },
  memory: () => {
    for (let i = 0; i < 4; i += 1) globalThis.gc();
    return process.memoryUsage();
  },
};

process.on('message', async ({ id, task, options }) => {
  try {
    process.send({ id, result: await tasks[task](options) });
  } catch (error) {
    process.send({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
// Whoever asked is gone: so are we, whatever is still open.
process.on('disconnect', () => process.exit(0));
process.send({ ready: true, cannot: system.cannot ?? [] });
