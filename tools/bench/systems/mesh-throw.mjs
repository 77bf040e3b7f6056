// This mesh with an audit adapter that refuses every event, as what may pass, at both ends. Its lane is full within a second: events are lost to it, and calls go on.
import { meshWith } from './mesh.mjs';

const monitoring = () => ({ adapters: [{ logEvent: async () => { throw new Error('down'); } }] });

export const { startServer, connect } = meshWith({ server: monitoring });
