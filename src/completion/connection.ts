// A connection on a ring: which of its operations are in flight, to which side its memory belongs, and how it ends.

import { LINGER } from '../sockets/lingering-close.ts';
import { type Pinned, pin } from '../sockets/memory.ts';
import type { Socket } from '../sockets/socket.ts';
import type { Loop, Own } from './loop.ts';
import { Pile } from './pile.ts';

/** With more unsent bytes than this, a connection submits no recv. */
const ENOUGH = 64 * 1024;

/** Why a conversation is over. */
export type Why = 'end of stream' | 'closed' | Error;

/**
 * A connection with at most one recv and one send in flight. Bytes pushed during a tick are sent together at its end; bytes
 * pushed while a send is in flight, after that send.
 */
export abstract class Connection {
  readonly #loop: Loop;
  readonly #socket: Socket;
  /** Belongs to the kernel while a recv is in flight. */
  readonly #incoming: Pinned = pin(4096);
  #recv: Own | undefined;
  /** Belongs to the kernel while a send is in flight. */
  #outgoing = new Pile();
  /** Collects the bytes that are pushed while a send is in flight. */
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

  /** Bytes have arrived. They stay until this returns; then the kernel writes the next ones over them. */
  abstract onRead(bytes: Buffer): void;
  /** The peer has ended its half of the stream. You can still send to it. */
  abstract onEnd(): void;
  /** The conversation is over. Called once. */
  abstract onClose(why: Why): void;

  /** Sends these bytes after all that were pushed before. */
  push(bytes: Uint8Array): void {
    this.#next.append(bytes);
    this.#loop.callAtTickEnd(this);
  }

  /** Closes when all pushed bytes are sent. Discards bytes that still arrive. */
  closeWhenDone(): void {
    this.#over ??= 'closed';
    this.#loop.callAtTickEnd(this);
  }

  /** The loop calls this with each operation of this connection that completes. */
  handle({ name, result, error }: Own): void {
    this.#loop.callAtTickEnd(this);
    if (name === 'cancel') return; // The cancelled operation completes, too, and has the outcome.
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

  /** The loop calls this at the end of a tick. Submits what can be in flight now, and closes when nothing is left to do. */
  endTick(): void {
    if (this.#socket.closed) return;
    if (!this.#send && this.#next.length > 0) this.#sendPile();
    if (this.#over && !this.#send && !this.#told) this.#tell(this.#over);
    if (!this.#recv && (this.#over ? this.#patience > 0 : this.#next.length < ENOUGH)) {
      this.#recv = this.#loop.recv(this.#socket, this.#incoming, this);
    }
    if (this.#over && !this.#recv && !this.#send && !this.#timeout) this.#socket.close();
  }

  /** Submits the pushed bytes. The memory of the last send then collects the next ones. */
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
      this.#fail(error as Error); // An error of one connection must not reach the loop: it would end the others.
    }
  }

  /** All is sent. If this side ended the conversation, the peer may still be sending: see lingering-close.ts. */
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
    if (this.#over instanceof Error) return; // This is ECANCELED, or the other operation's error.
    this.#over = error;
    this.#next.clear();
    this.#stopLingering();
  }

  /** close() does not end operations in flight. So cancel them; the socket is closed when they have completed. */
  #cancel(): void {
    for (const operation of [this.#recv, this.#send, this.#timeout]) {
      if (operation) this.#loop.cancel(operation, this);
    }
  }
}
