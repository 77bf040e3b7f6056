// This mesh as in mesh, with keys that are replaced every second.
import { meshWith } from './mesh.mjs';

export const { startServer, connect, lostEvents, rekeys } = meshWith({ server: () => ({ adapters: [] }), rotation: { interval: 1_000, minIntervalMs: 0 } });
