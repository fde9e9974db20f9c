// A server in two parts, as in Python's socketserver: one accepts, the other handles. And a mixin that handles each client
// in a thread.

import { serveInThread } from '../parallel/thread.ts';
import type { Address, Socket } from '../sockets/socket.ts';

/** A class whose objects serve one client each: serve() returns when the client has left. */
export type HandlerClass = new (client: Socket, address: Address) => { serve(): void };

/** Accepts a client, handles it, and only then accepts the next. */
export class TcpServer {
  readonly listener: Socket;
  readonly Handler: HandlerClass;

  constructor(listener: Socket, Handler: HandlerClass) {
    this.listener = listener;
    this.Handler = Handler;
  }

  run(): never {
    while (true) {
      const [client, address] = this.listener.accept();
      this.handle(client, address);
    }
  }

  handle(client: Socket, address: Address): void {
    new this.Handler(client, address).serve();
  }
}

/** The mixin: overrides handle(), and nothing else. The step has to export the handler: see thread.ts. */
export function threaded<Base extends new (...args: never[]) => TcpServer>(Server: Base) {
  return class extends (Server as unknown as typeof TcpServer) {
    override handle(client: Socket, address: Address): void {
      serveInThread(this.Handler, client, address);
    }
  };
}
