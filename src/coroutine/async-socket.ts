import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { LINGER } from '../sockets/lingering-close.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import type { AsyncLoop } from './async-loop.ts';

/** A socket whose calls are awaited: `await socket.recv()`. */
export class AsyncSocket {
  readonly #loop: AsyncLoop;
  readonly #socket: Socket;
  #closing = false;

  constructor(loop: AsyncLoop, socket: Socket) {
    socket.setBlocking(false);
    this.#loop = loop;
    this.#socket = socket;
  }

  /** Whether it is closed, or lingers. */
  get closed(): boolean {
    return this.#closing || this.#socket.closed;
  }

  /** The next connection. @param rejected called for each client that the process has no descriptor for */
  async accept(rejected: (address: Address, why: string) => void): Promise<[AsyncSocket, Address]> {
    while (true) {
      await this.#loop.readable(this.#socket);
      const accepted = acceptOrReject(this.#socket, rejected);
      if (accepted === 'would-block') continue;
      const [client, address] = accepted;
      return [new AsyncSocket(this.#loop, client), address];
    }
  }

  /** The next bytes, none at the end of the stream. */
  async recv(): Promise<Buffer> {
    while (true) {
      await this.#loop.readable(this.#socket);
      const bytes = this.#socket.tryRecv(16 * 1024);
      if (bytes !== 'would-block') return bytes;
    }
  }

  /**
   * Sends a queue, and returns when it is empty: when the kernel has taken the last byte.
   *
   * @param took called with the number of bytes that the kernel takes, each time
   */
  async sendAll(queue: Buffer[], took = (_bytes: number): void => {}): Promise<void> {
    while (queue.length > 0) {
      const count = this.#socket.trySendPieces(queue);
      took(count === 'would-block' ? 0 : count);
      if (count === 'would-block') await this.#loop.writable(this.#socket);
    }
  }

  /** Sends these bytes if the kernel has room for them at once. */
  trySend(bytes: Buffer): void {
    this.#socket.trySend(bytes);
  }

  close(): void {
    this.#loop.close(this.#socket);
  }

  /** Ends the stream, and closes when the peer has ended its own, or after two seconds: see lingering-close.ts. */
  lingeringClose(closed = (): void => {}): void {
    this.#closing = true;
    this.#loop.spawn(this.#linger().then(closed));
    this.#loop.spawn(this.#giveUp());
  }

  async #linger(): Promise<void> {
    try {
      this.#socket.shutdown('write');
      for (let left = LINGER.bytes; left > 0; ) {
        const { length } = await this.recv();
        if (length === 0) break;
        left -= length;
      }
    } catch {} // The connection is broken, or already closed.
    this.close();
  }

  async #giveUp(): Promise<void> {
    await this.#loop.sleep(LINGER.milliseconds);
    this.close();
  }
}
