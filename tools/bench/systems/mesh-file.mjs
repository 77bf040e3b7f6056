// This mesh with the server's every call in a durable, tamper-evident file; the client as in mesh:null.
import { join } from 'node:path';
import { FileAdapter } from '@lemur-bookstores/secure-stack-mesh';
import { nullMonitoring } from './mesh-null.mjs';
import { meshWith } from './mesh.mjs';

export const fileMonitoring = (scratch) => ({ adapters: [new FileAdapter(join(scratch, 'audit'))] });

export const { startServer, connect, lostEvents } = meshWith({ server: fileMonitoring, client: nullMonitoring });
