// A loop around a ring, and connections that it calls when something has happened to them.

import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Pinned, pin } from '../sockets/memory.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { type Operation, Ring } from './ring.ts';

type Own = Operation<Connection | Server>;

/** A listener, and what to do with its clients. */
export type Server = {
  listener: Socket;
  onAccept(client: Socket, address: Address): void;
  /** A client tried to connect, but the process had no descriptor for the connection. */
  onReject(address: Address, why: string): void;
};

/** Waits for a ring, and has connections handle what is complete. */
export class Loop extends Ring<Connection | Server> {
  readonly #due = new Set<Connection>();

  /** Calls {@link Connection.endTick} when all operations of this tick have been handled. */
  callAtTickEnd(connection: Connection): void {
    this.#due.add(connection);
  }

  /** Accepts the clients of a listener from now on. */
  serve(server: Server): void {
    server.listener.setBlocking(false);
    this.accept(server.listener, server);
  }

  run(): void {
    while (true) {
      for (const connection of this.#due) {
        this.#due.delete(connection); // Another may put it into the set again: then it has another turn.
        connection.endTick();
      }
      for (const operation of this.wait()) {
        if (operation.data instanceof Connection) operation.data.handle(operation);
        else this.#accepted(operation, operation.data);
      }
    }
  }

  #accepted(operation: Own, server: Server): void {
    const { listener, onAccept, onReject } = server;
    const accepted = operation.result >= 0 ? operation.accepted() : acceptOrReject(listener, onReject);
    this.accept(listener, server);
    if (accepted !== 'would-block') onAccept(...accepted);
  }
}

/** Bytes to send, copied one behind the other into memory for the kernel. */
class Pile {
  memory = pin(0);
  length = 0;

  append(bytes: Uint8Array): void {
    const needed = this.length + bytes.length;
    if (needed > this.memory.bytes.length) {
      const roomier = pin(Math.max(needed, 256, 2 * this.memory.bytes.length));
      roomier.bytes.set(this.memory.bytes.subarray(0, this.length));
      this.memory = roomier;
    }
    this.memory.bytes.set(bytes, this.length);
    this.length = needed;
  }

  /** Begins anew. Memory that was needed once, for much, is given back. */
  clear(): void {
    this.length = 0;
    if (this.memory.bytes.length > ENOUGH) this.memory = pin(0);
  }
}

/** A client that is owed more bytes than this is not received from. */
const ENOUGH = 64 * 1024;

/**
 * A connection with at most one recv and one send in flight. What is pushed during a tick is sent together at its end; what is
 * pushed while a send is in flight, after that.
 */
export abstract class Connection {
  readonly #loop: Loop;
  readonly #socket: Socket;
  /** Belongs to the kernel while a recv is in flight. */
  readonly #incoming: Pinned = pin(4096);
  #recv: Own | undefined;
  /** Belongs to the kernel while a send is in flight. Then `#next` collects what is pushed. */
  #outgoing = new Pile();
  #next = new Pile();
  #send: Own | undefined;
  /** Why the conversation is over, as soon as all is sent. */
  #over: 'end of stream' | 'closed' | Error | undefined;

  constructor(loop: Loop, socket: Socket) {
    this.#loop = loop;
    this.#socket = socket;
    loop.callAtTickEnd(this);
  }

  /** Bytes have arrived. They are good until this returns: then the kernel writes the next ones there. */
  abstract onRead(bytes: Buffer): void;
  /** The peer will send nothing more. It can still be answered. */
  abstract onEnd(): void;
  /** The connection is closed. */
  abstract onClose(why: 'end of stream' | 'closed' | Error): void;

  /** Sends this after all that was pushed before it. */
  push(bytes: Uint8Array): void {
    this.#next.append(bytes);
    this.#loop.callAtTickEnd(this);
  }

  /** Closes when all that was pushed is sent. What still arrives is ignored. */
  closeWhenDone(): void {
    this.#over ??= 'closed';
    this.#loop.callAtTickEnd(this);
  }

  /** Called by the loop with an operation of this connection that is complete. */
  handle({ name, result, error }: Own): void {
    if (name === 'cancel') return; // The operation that it was about says itself what came of it.
    if (name === 'recv') this.#recv = undefined;
    else {
      this.#send = undefined;
      this.#outgoing.clear();
    }
    if (error) this.#fail(error);
    else if (name === 'recv' && !this.#over) this.#received(result);
    this.#loop.callAtTickEnd(this);
  }

  /** Called by the loop at the end of a tick: submits what can be in flight now. */
  endTick(): void {
    if (this.#socket.closed) return;
    if (!this.#send && this.#next.length > 0) this.#sendPile();
    if (!this.#recv && !this.#over && this.#next.length < ENOUGH) {
      this.#recv = this.#loop.recv(this.#socket, this.#incoming, this);
    }
    if (!this.#over || this.#recv || this.#send) return;
    this.#socket.close();
    this.onClose(this.#over);
  }

  /** What was pushed goes to the kernel, and the memory that was sent before collects what is pushed next. */
  #sendPile(): void {
    [this.#next, this.#outgoing] = [this.#outgoing, this.#next];
    const { memory, length } = this.#outgoing;
    this.#send = this.#loop.send(this.#socket, memory, length, this);
  }

  #received(count: number): void {
    try {
      if (count > 0) {
        this.onRead(this.#incoming.bytes.subarray(0, count));
        return;
      }
      this.onEnd();
      this.#over ??= 'end of stream';
    } catch (error) {
      this.#fail(error as Error); // No error of one connection reaches the loop, and with it the others.
    }
  }

  /** What is in flight is cancelled, and has to be complete before the socket is closed: close() does not end it. */
  #fail(error: Error): void {
    if (this.#over instanceof Error) return; // ECANCELED, that is, or what the other operation has failed of.
    this.#over = error;
    this.#next.clear();
    if (this.#recv) this.#loop.cancel(this.#recv, this);
    if (this.#send) this.#loop.cancel(this.#send, this);
  }
}
