// One end of a comparison in a process of its own: `node end.mjs <system>`.
import { startProfile, stopProfile } from './profile.mjs';
import { connecting, latency, load } from './scenarios.mjs';
import { answerTasks } from './tasks.mjs';

const system = await import(new URL(`systems/${process.argv[2]}.mjs`, import.meta.url));
let connection;
let target;

const tasks = {
  serve: async (options) => (await system.startServer(options)).target,
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
  lostEvents: () => system.lostEvents?.() ?? 0,
  startProfile,
  stopProfile,
};

answerTasks(tasks, { cannot: system.cannot ?? [] });
