// Conversations: a class that receives requests with a terminator, and sends answers of any size, as Python's asynchat does.
//
// The calls of single9 wait, so its state is in local variables. Here no method may wait, so the state is in fields:
//
// | field                    | in single9                                                        |
// | ------------------------ | ----------------------------------------------------------------- |
// | #terminator, #left       | the `\n` of the Splitter                                          |
// | #collected, #held        | the line that the Splitter has begun                              |
// | #output to #unsent       | nothing: sendAll() returns when the kernel has taken every byte   |
// | #scheduled               | nothing: send() is called at once                                 |
// | #closing                 | client.closed, which ends the loop in serve()                     |
// | #over                    | the place in serve(): behind the loop                             |

import { GrowingBuffer } from '../protocol/growing-buffer.ts';
import { EventHandler } from './event-handler.ts';

/** Makes output, a piece at a time, when there is room for it. An empty piece is the end. */
export type Producer = { more(): Buffer };

/** The bytes to have ready for one send(). The rest is for the next tick, so no client makes the others wait. */
const PIECE = 64 * 1024;

const NOTHING = Buffer.alloc(0);

/**
 * An {@link EventHandler} for protocols of requests and answers. It collects what arrives until it has seen the terminator,
 * and then calls {@link foundTerminator}. It sends from a queue: an answer may be of any size, or be made while it is
 * sent. A client that sends a hundred requests at once, or does not read, makes no other client wait. At the end of
 * a tick, one `send()` takes all the answers of the tick.
 */
export abstract class AsyncChat extends EventHandler {
  #terminator: Buffer | number | undefined;
  /** How many bytes are still to arrive, if the terminator is a number of them. */
  #left = 0;
  readonly #collected = new GrowingBuffer();
  /** Bytes that may be the beginning of the terminator. */
  #held = NOTHING;
  /** Answers that have been pushed, in order. */
  readonly #output: (Buffer | Producer)[] = [];
  /** How many at the front of `#output` are finished. splice() moves all others, so it is called when half are finished. */
  #finished = 0;
  /** The front of the output, in bytes that the kernel has not taken yet. */
  readonly #unsent: Buffer[] = [];
  /** Whether this connection sends at the end of the tick. */
  #scheduled = false;
  #closing = false;
  #over = false;

  /** The terminator has arrived, or as many bytes as it says. {@link collected} returns the bytes before it. */
  abstract foundTerminator(): void;

  /**
   * The conversation is over. Called once.
   *
   * @param why the peer has ended the stream, or this side has closed, or an error has
   * @param rest the bytes behind the last terminator
   */
  abstract onEnd(why: 'end of stream' | 'closed' | Error, rest: Buffer): void;

  /**
   * The end of each message from now on: these bytes, or that many bytes. Without one, all bytes are collected.
   *
   * @throws RangeError if it is empty, or no whole number from 1 on
   */
  set terminator(terminator: Buffer | string | number | undefined) {
    const size =
      typeof terminator === 'object' || typeof terminator === 'string' ? terminator.length : terminator;
    if (size !== undefined && !(Number.isInteger(size) && size > 0)) {
      throw new RangeError(`Cannot wait for ${JSON.stringify(terminator)}: a terminator is one byte or more`);
    }
    this.#terminator = typeof terminator === 'string' ? Buffer.from(terminator) : terminator;
    if (typeof terminator === 'number') this.#left = terminator;
  }

  /** Returns the collected bytes, and collects from the beginning again. */
  collected(): Buffer {
    const { bytes } = this.#collected;
    this.#collected.clear();
    return bytes;
  }

  /** Called with each part of a message that arrives. By default, keeps the part. */
  collectIncomingData(bytes: Buffer): void {
    this.#collected.append(bytes);
  }

  /** Queues bytes or a producer behind the earlier ones. */
  push(output: Buffer | Producer): void {
    this.#output.push(output);
    this.#schedule();
  }

  /** Closes when the queue has been sent. Bytes that still arrive are discarded. */
  closeWhenDone(): void {
    this.#closing = true;
    this.#schedule();
  }

  override readable(): boolean {
    return !this.#closing;
  }

  override writable(): boolean {
    return !this.#scheduled && (this.#unsent.length > 0 || this.#output.length > 0);
  }

  override onRead(bytes: Buffer): void {
    let data = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes;
    this.#held = NOTHING;
    while (data.length > 0 && !this.#closing) data = this.#consume(data);
  }

  override onTickEnd(): void {
    this.#scheduled = false;
    this.onWrite();
  }

  /** Sends once. */
  override onWrite(): void {
    if (this.closed) return;
    this.#produce();
    this.sendPieces(this.#unsent);
    if (this.#closing && this.#unsent.length === 0 && this.#output.length === 0) {
      this.#end('closed');
      this.lingeringClose();
    }
  }

  override onClose(): void {
    this.#end('end of stream');
    this.closeWhenDone();
  }

  override onError(error: unknown): void {
    this.#end(error as Error);
    this.close();
  }

  /** Sends at the end of the tick. If the kernel had no room last time, onWrite() sends, when there is room. */
  #schedule(): void {
    if (this.#scheduled || this.awaitsRoom) return;
    this.#scheduled = true;
    this.callAtTickEnd();
  }

  #end(why: 'end of stream' | 'closed' | Error): void {
    if (this.#over) return;
    this.#over = true;
    this.onEnd(why, Buffer.concat([this.collected(), this.#held]));
  }

  /** Takes from the front of the data the bytes of this message, and returns the rest. */
  #consume(data: Buffer): Buffer {
    const terminator = this.#terminator;
    if (terminator === undefined) {
      this.collectIncomingData(data);
      return NOTHING;
    }
    if (typeof terminator === 'number') {
      const part = data.subarray(0, this.#left);
      this.#left -= part.length;
      this.collectIncomingData(part);
      if (this.#left > 0) return NOTHING;
      this.#left = terminator; // The next message is as long, unless foundTerminator() sets another terminator.
      this.foundTerminator();
      return data.subarray(part.length);
    }
    const end = data.indexOf(terminator);
    if (end !== -1) {
      if (end > 0) this.collectIncomingData(data.subarray(0, end));
      this.foundTerminator();
      return data.subarray(end + terminator.length);
    }
    const held = beginningAtEnd(data, terminator);
    if (data.length > held) this.collectIncomingData(data.subarray(0, data.length - held));
    this.#held = Buffer.from(data.subarray(data.length - held));
    return NOTHING;
  }

  /** Moves output to the front, until there is enough of it for one send(). */
  #produce(): void {
    let size = this.#unsent.reduce((sum, { length }) => sum + length, 0);
    while (size < PIECE && this.#finished < this.#output.length) {
      const next = this.#output[this.#finished] as Buffer | Producer;
      const piece = Buffer.isBuffer(next) ? next : next.more();
      if (piece === next || piece.length === 0) this.#finished++;
      if (piece.length > 0) this.#unsent.push(piece);
      size += piece.length;
    }
    if (2 * this.#finished < this.#output.length) return;
    this.#output.splice(0, this.#finished);
    this.#finished = 0;
  }
}

/** How many bytes at the end of the data may be the beginning of the terminator. */
function beginningAtEnd(data: Buffer, terminator: Buffer): number {
  let length = Math.min(data.length, terminator.length - 1);
  while (length > 0 && !data.subarray(-length).equals(terminator.subarray(0, length))) length--;
  return length;
}
