// This mesh with an audit adapter that takes an event a second, at both ends. Its lane is full within a second: events are lost to it, and calls go on.
import { meshWith } from './mesh.mjs';

const monitoring = () => ({ adapters: [{ logEvent: () => new Promise((resolve) => { setTimeout(resolve, 1000).unref(); }) }] });

export const { startServer, connect } = meshWith({ server: monitoring });
