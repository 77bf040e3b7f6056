/** What of Express the tests use; it comes without types. */
declare module 'express' {
  import type { IncomingMessage, Server, ServerResponse } from 'node:http';

  type Handler = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;
  interface Application extends Handler {
    use(handler: Handler): this;
    use(path: string, handler: Handler): this;
    listen(port: number, host: string, listening: () => void): Server;
  }
  export default function express(): Application;
}
