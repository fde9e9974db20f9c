import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import type { AsyncLoop } from './async-loop.ts';

/** A socket whose calls are awaited: `await socket.recv()`. */
export class AsyncSocket {
  readonly #loop: AsyncLoop;
  readonly #socket: Socket;

  constructor(loop: AsyncLoop, socket: Socket) {
    socket.setBlocking(false);
    this.#loop = loop;
    this.#socket = socket;
  }

  get closed(): boolean {
    return this.#socket.closed;
  }

  /** The next connection. @param rejected is told of those for whom there was no descriptor */
  async accept(rejected: (address: Address, why: string) => void): Promise<[AsyncSocket, Address]> {
    while (true) {
      await this.#loop.readable(this.#socket);
      const accepted = acceptOrReject(this.#socket, rejected);
      if (accepted === 'would-block') continue;
      const [client, address] = accepted;
      return [new AsyncSocket(this.#loop, client), address];
    }
  }

  /** The next bytes, none at the end of the stream, in memory of their own: an `await` lets others run before it returns. */
  async recv(): Promise<Buffer> {
    while (true) {
      await this.#loop.readable(this.#socket);
      const bytes = this.#socket.tryRecv(64 * 1024);
      if (bytes !== 'would-block') return bytes;
    }
  }

  /** Sends these pieces as one, and waits until the kernel has taken the last byte of them. */
  async sendAll(pieces: readonly Buffer[]): Promise<void> {
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    const count = this.#socket.trySendPieces(pieces);
    if (count === size) return;
    let rest = Buffer.concat(pieces).subarray(count === 'would-block' ? 0 : count);
    while (rest.length > 0) {
      await this.#loop.writable(this.#socket);
      const count = this.#socket.trySend(rest);
      if (count !== 'would-block') rest = rest.subarray(count);
    }
  }

  close(): void {
    this.#loop.close(this.#socket);
  }
}
