import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { LINGER } from '../sockets/lingering-close.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import type { Coroutine, GeneratorLoop } from './generator-loop.ts';

/** A socket whose calls wait by yielding: `yield* socket.recv()`. */
export class GeneratorSocket {
  readonly #loop: GeneratorLoop;
  readonly #socket: Socket;
  #closing = false;

  constructor(loop: GeneratorLoop, socket: Socket) {
    socket.setBlocking(false);
    this.#loop = loop;
    this.#socket = socket;
  }

  /** Whether it is closed, or lingers. */
  get closed(): boolean {
    return this.#closing || this.#socket.closed;
  }

  /** The next connection. @param rejected called for each client that the process has no descriptor for */
  *accept(rejected: (address: Address, why: string) => void): Coroutine<[GeneratorSocket, Address]> {
    while (true) {
      yield ['read', this.#socket];
      const accepted = acceptOrReject(this.#socket, rejected);
      if (accepted === 'would-block') continue;
      const [client, address] = accepted;
      return [new GeneratorSocket(this.#loop, client), address];
    }
  }

  /** The next bytes, none at the end of the stream. */
  *recv(): Coroutine<Buffer> {
    while (true) {
      yield ['read', this.#socket];
      const bytes = this.#socket.tryRecv(16 * 1024);
      if (bytes !== 'would-block') return bytes;
    }
  }

  /** Sends a queue, and returns when it is empty: when the kernel has taken the last byte. */
  *sendAll(queue: Buffer[]): Coroutine {
    while (queue.length > 0) {
      if (this.#socket.trySendPieces(queue) === 'would-block') yield ['write', this.#socket];
    }
  }

  close(): void {
    this.#loop.close(this.#socket);
  }

  /** Ends the stream, and closes when the peer has ended its own, or after two seconds: see lingering-close.ts. */
  lingeringClose(): void {
    this.#closing = true;
    this.#loop.spawn(this.#linger());
    this.#loop.spawn(this.#giveUp());
  }

  *#linger(): Coroutine {
    try {
      this.#socket.shutdown('write');
      for (let left = LINGER.bytes; left > 0; ) {
        const { length } = yield* this.recv();
        if (length === 0) break;
        left -= length;
      }
    } catch {} // The connection is broken, or already closed.
    this.close();
  }

  *#giveUp(): Coroutine {
    yield ['sleep', LINGER.milliseconds];
    this.close();
  }
}
