// A socket that calls you: one method for each event.

import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { Guest } from '../sockets/guest.ts';
import { LINGER } from '../sockets/lingering-close.ts';
import { type Key, READ, Selector, WRITE } from '../sockets/selector.ts';
import type { Address, Socket, WouldBlock } from '../sockets/socket.ts';

/** The loop of a program made of event handlers. */
export class Loop extends Selector<EventHandler> {
  readonly #due: EventHandler[] = [];
  #guest: Guest | undefined;
  /** The handlers that linger, and until when. All linger equally long, so the first in the list is the first to close. */
  readonly #lingering = new Map<EventHandler, number>();

  /** Calls {@link EventHandler.onTickEnd} of this handler once, when all events of this tick have been handled. */
  callAtTickEnd(handler: EventHandler): void {
    this.#due.push(handler);
    this.#guest?.at(0); // Between two turns, say in a timer, this asks for a turn at once.
  }

  /** Closes this handler in two seconds, if it is not closed by then. */
  closeLater(handler: EventHandler): void {
    this.#lingering.set(handler, performance.now() + LINGER.milliseconds);
  }

  override unregister(key: Key<EventHandler>): void {
    super.unregister(key);
    this.#lingering.delete(key.data);
  }

  /** Waits for events and has them handled, tick after tick, until no socket is left. */
  run(): void {
    while (this.#endTick()) this.#handle(this.select(this.#closeLate()));
  }

  /** Like {@link run}, in turns of Node's own loop, whose timers and signal handlers run meanwhile. */
  runInNode(): void {
    const guest = new Guest(this, (most) => {
      this.#handle(this.select(Math.min(most, this.#closeLate())));
      if (this.#endTick()) guest.at(performance.now() + this.#closeLate());
      else guest.stop();
    });
    this.#guest = guest;
  }

  #handle(ready: readonly Key<EventHandler>[]): void {
    for (const key of ready) {
      if (key.ready !== 0) key.data.handleEvents(); // 0: a handler of this tick has closed that socket.
    }
  }

  /** Ends a tick. Returns whether there is a next one, that is, whether a socket is left. */
  #endTick(): boolean {
    for (const handler of this.#due) handler.endTick(); // A handler may add others to the list: `for` visits them, too.
    this.#due.length = 0;
    return this.size > 0;
  }

  /** Closes the handlers whose time is over, and returns how many milliseconds the next one has left. */
  #closeLate(): number {
    for (const [handler, deadline] of this.#lingering) {
      const left = deadline - performance.now();
      if (left > 0) return left;
      handler.close();
    }
    return Number.POSITIVE_INFINITY;
  }
}

/** The most bytes of one recv(). The rest is for the next tick, so no client makes the others wait. */
const MAX_RECV = 16 * 1024;

/**
 * A non-blocking socket in a loop. A subclass overrides the methods for the events it cares about. By default {@link onError}
 * and {@link onClose} close, and the others do nothing. After each event, {@link readable} and {@link writable} say what to
 * wait for. It is the `dispatcher` of Python's asyncore.
 */
export class EventHandler {
  readonly #loop: Loop;
  readonly #key: Key<EventHandler>;
  #state: 'connecting' | 'open' | 'listening' | 'lingering';
  /** How many bytes it still discards while it lingers. */
  #patience = LINGER.bytes;

  /** @param state `connecting` for a socket that has begun to connect, `listening` for one that accepts */
  constructor(loop: Loop, socket: Socket, state: 'connecting' | 'open' | 'listening' = 'open') {
    socket.setBlocking(false);
    this.#loop = loop;
    this.#state = state;
    this.#key = loop.register(socket, state === 'connecting' ? WRITE : READ, this);
  }

  /** The socket has connected. */
  onConnect(): void {}
  /** A client has connected to this listener. */
  onAccept(_client: Socket, _address: Address): void {}
  /** The listener has closed a client's connection: the process had no descriptor for it, or onAccept() has thrown. */
  onReject(_address: Address, _why: string): void {}
  /** Bytes have arrived. */
  onRead(_bytes: Buffer): void {}
  /** The kernel has room to send. */
  onWrite(): void {}
  /** All events of this tick have been handled: see {@link callAtTickEnd}. */
  onTickEnd(): void {}
  /** The peer has ended the stream. */
  onClose(): void {
    this.close();
  }
  /** The connection is broken, or could not be made, or one of these methods has thrown. */
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

  /** Has the loop call {@link onTickEnd}, once, when all events of this tick have been handled. */
  callAtTickEnd(): void {
    this.#loop.callAtTickEnd(this);
  }

  /** Whether the loop waits for room to send, until it calls {@link onWrite}. */
  get awaitsRoom(): boolean {
    return (this.#key.interest & WRITE) !== 0;
  }

  /** Hands a queue to the kernel, and removes from it what the kernel takes. */
  sendPieces(pieces: Buffer[]): number | WouldBlock {
    return this.#key.socket.trySendPieces(pieces);
  }

  get closed(): boolean {
    return this.#key.socket.closed;
  }

  close(): void {
    if (this.closed) return;
    this.#loop.unregister(this.#key);
    this.#key.socket.close();
  }

  /** Ends the stream, and closes when the peer has ended its own, or after two seconds: see lingering-close.ts. */
  lingeringClose(): void {
    if (this.closed || this.#state === 'lingering') return;
    this.#state = 'lingering';
    this.#key.socket.shutdown('write');
    this.#loop.closeLater(this);
    this.#discard();
  }

  /** Called by the loop when the socket is ready. */
  handleEvents(): void {
    this.#guard(() => {
      if (this.#state === 'connecting') this.#connected();
      else if (this.#state === 'listening') this.#accept();
      else if (this.#state === 'lingering') this.#discard();
      else this.#readAndWrite();
    });
  }

  /** Called by the loop at the end of a tick, if {@link callAtTickEnd} asked for it. */
  endTick(): void {
    if (!this.closed) this.#guard(() => this.onTickEnd());
  }

  /** Calls a method, and passes its error to onError(): an error in the loop would end all handlers. */
  #guard(handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.onError(error);
    }
    this.#updateInterest();
  }

  #updateInterest(): void {
    if (this.closed) return;
    if (this.#state === 'lingering') this.#loop.modify(this.#key, READ);
    if (this.#state !== 'open') return;
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
    if (accepted === 'would-block') return;
    const [client, address] = accepted;
    try {
      this.onAccept(client, address);
    } catch (error) {
      client.close(); // An error of one client does not end the listener.
      this.onReject(address, `${error}`);
    }
  }

  #discard(): void {
    const bytes = this.#key.socket.tryRecv(MAX_RECV);
    if (bytes === 'would-block') return;
    this.#patience -= bytes.length;
    if (bytes.length === 0 || this.#patience <= 0) this.close();
  }

  #readAndWrite(): void {
    if (this.#key.ready & READ && this.readable()) {
      const bytes = this.#key.socket.tryRecv(MAX_RECV);
      if (bytes !== 'would-block') {
        if (bytes.length > 0) this.onRead(bytes);
        else this.onClose();
      }
    }
    if (this.#key.ready & WRITE) this.onWrite();
  }
}
