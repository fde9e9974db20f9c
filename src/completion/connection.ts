// A connection on a ring: what of it is in flight, whose its memory is, and how it ends.

import { LINGER } from '../sockets/lingering-close.ts';
import { type Pinned, pin } from '../sockets/memory.ts';
import type { Socket } from '../sockets/socket.ts';
import type { Loop, Own } from './loop.ts';
import { Pile } from './pile.ts';

/** A client that is owed more bytes than this is not received from. */
const ENOUGH = 64 * 1024;

/** Why a conversation is over. */
export type Why = 'end of stream' | 'closed' | Error;

/**
 * A connection with at most one recv and one send in flight. What is pushed during a tick is sent together at its end; what is
 * pushed while a send is in flight, after that.
 */
export abstract class Connection {
  readonly #loop: Loop;
  readonly #socket: Socket;
  /** The kernel's while a recv is in flight. */
  readonly #incoming: Pinned = pin(4096);
  #recv: Own | undefined;
  /** The kernel's while a send is in flight. */
  #outgoing = new Pile();
  /** What is pushed meanwhile. */
  #next = new Pile();
  #send: Own | undefined;
  #over: Why | undefined;
  #told = false;
  /** In flight during the lingering close. */
  #timeout: Own | undefined;
  /** How many bytes the lingering close still discards. */
  #patience = 0;

  constructor(loop: Loop, socket: Socket) {
    this.#loop = loop;
    this.#socket = socket;
    loop.callAtTickEnd(this);
  }

  /** Bytes have arrived. They are good until this returns: then the kernel writes the next ones there. */
  abstract onRead(bytes: Buffer): void;
  /** The peer will send nothing more. It can still be answered. */
  abstract onEnd(): void;
  /** The conversation is over. Called once. */
  abstract onClose(why: Why): void;

  /** Sends this after all that was pushed before it. */
  push(bytes: Uint8Array): void {
    this.#next.append(bytes);
    this.#loop.callAtTickEnd(this);
  }

  /** Closes when all that was pushed is sent. What still arrives is discarded. */
  closeWhenDone(): void {
    this.#over ??= 'closed';
    this.#loop.callAtTickEnd(this);
  }

  /** Called by the loop with an operation of this connection that is complete. */
  handle({ name, result, error }: Own): void {
    this.#loop.callAtTickEnd(this);
    if (name === 'cancel') return; // The operation that it was about says itself what came of it.
    if (name === 'timeout') {
      this.#timeout = undefined;
      this.#stopLingering();
      return;
    }
    if (name === 'recv') this.#recv = undefined;
    else {
      this.#send = undefined;
      this.#outgoing.clear();
    }
    if (error) this.#fail(error);
    else if (name === 'recv') this.#received(result);
  }

  /** Called by the loop at the end of a tick: submits what can be in flight now, and closes when nothing is. */
  endTick(): void {
    if (this.#socket.closed) return;
    if (!this.#send && this.#next.length > 0) this.#sendPile();
    if (this.#over && !this.#send && !this.#told) this.#tell(this.#over);
    if (!this.#recv && (this.#over ? this.#patience > 0 : this.#next.length < ENOUGH)) {
      this.#recv = this.#loop.recv(this.#socket, this.#incoming, this);
    }
    if (this.#over && !this.#recv && !this.#send && !this.#timeout) this.#socket.close();
  }

  /** What was pushed goes to the kernel, and the memory that was sent before collects what is pushed next. */
  #sendPile(): void {
    [this.#next, this.#outgoing] = [this.#outgoing, this.#next];
    const { memory, length } = this.#outgoing;
    this.#send = this.#loop.send(this.#socket, memory, length, this);
  }

  #received(count: number): void {
    if (this.#over) {
      this.#patience -= count;
      if (count === 0 || this.#patience <= 0) this.#stopLingering();
      return;
    }
    try {
      if (count > 0) this.onRead(this.#incoming.bytes.subarray(0, count));
      else {
        this.onEnd();
        this.#over ??= 'end of stream';
      }
    } catch (error) {
      this.#fail(error as Error); // No error of one connection reaches the loop, and with it the others.
    }
  }

  /** All is sent. If it was this side that ended the conversation, the peer may still be sending: see lingering-close.ts. */
  #tell(why: Why): void {
    this.#told = true;
    this.onClose(why);
    if (why !== 'closed') return;
    this.#patience = LINGER.bytes;
    this.#timeout = this.#loop.timeout(LINGER.milliseconds, this);
    try {
      this.#socket.shutdown('write');
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #stopLingering(): void {
    this.#patience = 0;
    this.#cancel();
  }

  #fail(error: Error): void {
    if (this.#over instanceof Error) return; // ECANCELED, that is, or what the other operation has failed of.
    this.#over = error;
    this.#next.clear();
    this.#stopLingering();
  }

  /** close() does not end what is in flight. So that is cancelled, and completes before the socket is closed. */
  #cancel(): void {
    for (const operation of [this.#recv, this.#send, this.#timeout]) {
      if (operation) this.#loop.cancel(operation, this);
    }
  }
}
