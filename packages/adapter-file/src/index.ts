export type { FileAdapterOptions } from './file-adapter-options.js';
