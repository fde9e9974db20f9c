import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Address, pin, type Socket } from '../sockets/socket.ts';
import type { Coroutine, GeneratorLoop } from './generator-loop.ts';

const received = pin(64 * 1024); // One for all: nobody else runs before the one who has received yields.

/** A socket whose calls wait by yielding: `yield* socket.recv()`. */
export class GeneratorSocket {
  readonly #loop: GeneratorLoop;
  readonly #socket: Socket;

  constructor(loop: GeneratorLoop, socket: Socket) {
    socket.setBlocking(false);
    this.#loop = loop;
    this.#socket = socket;
  }

  get closed(): boolean {
    return this.#socket.closed;
  }

  /** The next connection. @param rejected is told of those for whom there was no descriptor */
  *accept(rejected: (address: Address, why: string) => void): Coroutine<[GeneratorSocket, Address]> {
    while (true) {
      yield ['read', this.#socket];
      const accepted = acceptOrReject(this.#socket, rejected);
      if (accepted === 'would-block') continue;
      const [client, address] = accepted;
      return [new GeneratorSocket(this.#loop, client), address];
    }
  }

  /** The next bytes, none at the end of the stream. They are good until the next `yield`: the memory is everybody's. */
  *recv(): Coroutine<Buffer> {
    while (true) {
      yield ['read', this.#socket];
      const count = this.#socket.tryRecvInto(received);
      if (count !== 'would-block') return received.bytes.subarray(0, count);
    }
  }

  /** Sends these pieces as one, and waits until the kernel has taken the last byte of them. */
  *sendAll(pieces: readonly Buffer[]): Coroutine {
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    const count = this.#socket.trySendPieces(pieces);
    if (count === size) return;
    let rest = Buffer.concat(pieces).subarray(count === 'would-block' ? 0 : count);
    while (rest.length > 0) {
      yield ['write', this.#socket];
      const count = this.#socket.trySend(rest);
      if (count !== 'would-block') rest = rest.subarray(count);
    }
  }

  close(): void {
    this.#loop.close(this.#socket);
  }
}
