// A socket that calls you: one method for each of the seven things that may happen to it.

import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Key, READ, type Selector, WRITE } from '../sockets/selector.ts';
import { type Address, type Pinned, pin, type Socket, type WouldBlock } from '../sockets/socket.ts';

/** The selector of a program made of dispatchers. */
export type Loop = Selector<EventHandler>;

/** Waits, and lets whoever is ready take its turn, as long as there is anybody to wait for. */
export function runLoop(loop: Loop): void {
  while (loop.size > 0) {
    for (const key of loop.select()) {
      if (key.ready !== 0) key.data.handleEvents();
    }
  }
}

/** Bytes of one recv(): more of them are another turn, so that nobody keeps the others waiting. */
const MAX_RECV = 64 * 1024;

const memory: Pinned = pin(MAX_RECV);

/**
 * A non-blocking socket in a loop. A subclass says what it does when something happens; what it does not override does
 * nothing, but for {@link onError} and {@link onClose}, which close. What it waits for it says in {@link readable} and
 * {@link writable}, asked again after each of its turns. It is the `dispatcher` of Python's asyncore.
 */
export class EventHandler {
  readonly #loop: Loop;
  readonly #key: Key<EventHandler>;
  #state: 'connecting' | 'open' | 'listening';

  /** @param state `connecting` for a socket that has begun to connect, `listening` for one that accepts */
  constructor(loop: Loop, socket: Socket, state: 'connecting' | 'open' | 'listening' = 'open') {
    socket.setBlocking(false);
    this.#loop = loop;
    this.#state = state;
    this.#key = loop.register(socket, state === 'connecting' ? WRITE : READ, this);
  }

  /** A connection has been made that had been begun. */
  onConnect(): void {}
  /** Somebody has connected to this listener. */
  onAccept(_client: Socket, _address: Address): void {}
  /** Somebody has tried to, but there was no descriptor for the connection. */
  onReject(_address: Address, _why: string): void {}
  /** Something has arrived, in memory that is used again as soon as this returns. */
  onRead(_bytes: Buffer): void {}
  /** There is room to send. */
  onWrite(): void {}
  /** The other side has ended the stream. */
  onClose(): void {
    this.close();
  }
  /** The connection is broken, or was never made, or one of these methods has thrown. */
  onError(_error: unknown): void {
    this.close();
  }

  /** Whether to wait for something to read. */
  readable(): boolean {
    return true;
  }

  /** Whether to wait for room to send. */
  writable(): boolean {
    return false;
  }

  /** Hands bytes to the kernel. Returns how many it took, or `'would-block'`: what is left is yours to keep. */
  sendSome(bytes: Buffer): number | WouldBlock {
    return this.#key.socket.trySend(bytes);
  }

  get closed(): boolean {
    return this.#key.socket.closed;
  }

  close(): void {
    if (this.closed) return;
    this.#loop.unregister(this.#key);
    this.#key.socket.close();
  }

  /** Called by the loop when the socket is ready. Nothing that goes wrong here reaches the loop. */
  handleEvents(): void {
    try {
      if (this.#state === 'connecting') this.#connected();
      else if (this.#state === 'listening') this.#accept();
      else this.#readAndWrite();
    } catch (error) {
      this.onError(error);
    }
    this.updateInterest();
  }

  /** Tells the loop what to wait for from now on. Call it when that has changed between two turns. */
  updateInterest(): void {
    if (this.closed || this.#state !== 'open') return;
    this.#loop.modify(this.#key, (this.readable() ? READ : 0) | (this.writable() ? WRITE : 0));
  }

  #connected(): void {
    const error = this.#key.socket.connectError();
    if (error) throw error;
    this.#state = 'open';
    this.onConnect();
  }

  #accept(): void {
    const accepted = acceptOrReject(this.#key.socket, (address, why) => this.onReject(address, why));
    if (accepted !== 'would-block') this.onAccept(...accepted);
  }

  #readAndWrite(): void {
    if (this.#key.ready & READ && this.readable()) {
      const count = this.#key.socket.tryRecvInto(memory);
      if (count === 0) this.onClose();
      else if (count !== 'would-block') this.onRead(memory.bytes.subarray(0, count));
    }
    if (this.#key.ready & WRITE) this.onWrite();
  }
}
