// A loop around a ring, which calls connections when something has happened to them.

import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import type { Connection } from './connection.ts';
import { type Operation, Ring } from './ring.ts';

/** A listener, and what to do with its clients. */
export type Server = {
  listener: Socket;
  onAccept(client: Socket, address: Address): void;
  /** A client tried to connect, but the process had no descriptor for the connection, or onAccept() has thrown. */
  onReject(address: Address, why: string): void;
};

/** An operation for a listener, if it is an accept, or of a connection. */
export type Own = Operation<Server | Connection>;

/** Waits for a ring, and has what is complete handled. */
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
        this.#due.delete(connection); // Another may put it into the set again: then it has another turn.
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
      client.close(); // A mistake that concerns one client does not end the listener.
      onReject(address, `${error}`);
    }
  }
}
