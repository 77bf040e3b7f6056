export { ConsoleAdapter, type ConsoleAdapterOptions } from './console-adapter.js';
export type { ConsoleLevel } from './event-line.js';
