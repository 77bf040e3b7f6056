export { FileAdapter } from './file-adapter.js';
export type { FileAdapterOptions } from './file-adapter-options.js';
export type { AuditQuery } from '@lemur-bookstores/mesh-interface';
