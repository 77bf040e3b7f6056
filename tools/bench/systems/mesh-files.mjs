// This mesh with every call in a durable, tamper-evident file at both ends.
import { fileMonitoring } from './mesh-file.mjs';
import { meshWith } from './mesh.mjs';

export const { startServer, connect, lostEvents } = meshWith({ server: fileMonitoring });
