// A loop around a ring, which calls a connection when one of its operations completes.

import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import type { Connection } from './connection.ts';
import { type Operation, Ring } from './ring.ts';

/** A listener, and what to do with its clients. */
export type Server = {
  listener: Socket;
  onAccept(client: Socket, address: Address): void;
  /** A client connected, but the process had no descriptor for it, or onAccept() threw. */
  onReject(address: Address, why: string): void;
};

/** An accept of a listener, or any other operation of a connection. */
export type Own = Operation<Server | Connection>;

/** Waits for a ring, and calls a method for each operation that completes. */
export class Loop extends Ring<Server | Connection> {
  readonly #due = new Set<Connection>();

  /** Calls {@link Connection.endTick} when all operations of this tick have been handled. */
  callAtTickEnd(connection: Connection): void {
    this.#due.add(connection);
  }

  /** Accepts the clients of a listener from now on. */
  serve(server: Server): void {
    server.listener.setBlocking(false); // for acceptOrReject()
    this.accept(server.listener, server);
  }

  run(): void {
    while (true) {
      for (const connection of this.#due) {
        this.#due.delete(connection); // Another connection may add it again: then the loop calls it again.
        connection.endTick();
      }
      for (const operation of this.wait()) {
        if (operation.name === 'accept') this.#accepted(operation, operation.data as Server);
        else (operation.data as Connection).handle(operation);
      }
    }
  }

  #accepted(operation: Own, server: Server): void {
    const { listener, onAccept, onReject } = server;
    const accepted = operation.result >= 0 ? operation.accepted() : acceptOrReject(listener, onReject);
    this.accept(listener, server);
    if (accepted === 'would-block') return;
    const [client, address] = accepted;
    try {
      onAccept(client, address);
    } catch (error) {
      client.close(); // A mistake with one client does not end the listener.
      onReject(address, `${error}`);
    }
  }
}
