// A conversation in turns: something that ends with a terminator comes in, something goes out. Python's asynchat.

import { EventHandler } from './event-handler.ts';

/** Something that makes output when there is room for it, a piece at a time. An empty piece is its end. */
export type Producer = { more(): Buffer };

/** The most bytes that a client is sent in one turn. Then it is the turn of the others. */
const PIECE = 64 * 1024;

/** Produces what is there already, in pieces. */
export class SimpleProducer implements Producer {
  #rest: Buffer;

  constructor(bytes: Buffer) {
    this.#rest = bytes;
  }

  more(): Buffer {
    const piece = this.#rest.subarray(0, PIECE);
    this.#rest = this.#rest.subarray(PIECE);
    return piece;
  }
}

const NOTHING = Buffer.alloc(0);

/**
 * A {@link EventHandler} for protocols of requests and answers. What comes in is collected until the terminator has
 * been seen: then {@link foundTerminator} is called. What goes out is a queue of producers: an answer can be of any size,
 * or not be there yet, and neither a client that sends a hundred requests at once nor one that does not read is a problem.
 */
export abstract class AsyncChat extends EventHandler {
  #terminator: Buffer | number | undefined;
  /** How many of the bytes that are waited for are still to come, if it is a number of them. */
  #left = 0;
  #collected: Buffer[] = [];
  /** What may be the beginning of the terminator. */
  #held = NOTHING;
  readonly #producers: Producer[] = [];
  /** What has been produced, and the kernel has not taken. */
  #piece: Buffer = NOTHING;
  #inTick = false;
  #closing = false;
  #over = false;

  /** The terminator has come, or as many bytes as were asked for. {@link collected} is what came before it. */
  abstract foundTerminator(): void;

  /**
   * The conversation is over. Called once.
   *
   * @param why the other side has ended the stream, or this side has closed, or an error has
   * @param rest what came behind the last terminator
   */
  abstract onEnd(why: 'end of stream' | 'closed' | Error, rest: Buffer): void;

  /**
   * What is waited for, message after message: these bytes, that many bytes, or, undefined, nothing: all is collected.
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

  /** Returns what has been collected, and begins anew. */
  collected(): Buffer {
    const all =
      this.#collected.length === 1 ? (this.#collected[0] as Buffer) : Buffer.concat(this.#collected);
    this.#collected = [];
    return all;
  }

  /** Called with each part of what comes in. Override it to do something else than to keep it. */
  collectIncomingData(bytes: Buffer): void {
    this.#collected.push(Buffer.from(bytes)); // a copy: the memory is that of the next client, too
  }

  /** Sends this, after all that has been pushed before it. */
  push(output: Buffer | Producer): void {
    this.#producers.push(Buffer.isBuffer(output) ? new SimpleProducer(output) : output);
    if (!this.#inTick) this.updateInterest();
  }

  /** Closes when all that was pushed has been sent. What still comes in is ignored. */
  closeWhenDone(): void {
    this.#closing = true;
    if (!this.#inTick) this.updateInterest();
  }

  override readable(): boolean {
    return !this.#closing;
  }

  override writable(): boolean {
    return this.#piece.length > 0 || this.#producers.length > 0 || this.#closing;
  }

  override handleEvents(): void {
    this.#inTick = true;
    super.handleEvents();
    this.#inTick = false;
  }

  override onRead(bytes: Buffer): void {
    let data = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes;
    this.#held = NOTHING;
    while (data.length > 0 && !this.#closing) data = this.#consume(data);
    if (this.writable()) this.onWrite(); // There is room nearly always: to ask first would cost two system calls.
  }

  /** Sends one piece. */
  override onWrite(): void {
    if (this.closed) return;
    if (this.#piece.length === 0) this.#piece = this.#produce();
    if (this.#piece.length > 0) {
      const count = this.sendSome(this.#piece);
      if (count !== 'would-block') this.#piece = this.#piece.subarray(count);
    }
    if (this.#closing && this.#piece.length === 0 && this.#producers.length === 0) {
      this.#end('closed');
      this.close();
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

  #end(why: 'end of stream' | 'closed' | Error): void {
    if (this.#over) return;
    this.#over = true;
    this.onEnd(why, Buffer.concat([this.collected(), this.#held]));
  }

  /** Takes from the front of the data what belongs to this message, and returns what is left. */
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
      this.#left = terminator; // The next message is as long, unless it is said otherwise now.
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

  /** What the producers have to say, as much of it as goes into a piece: many small answers are one send(). */
  #produce(): Buffer {
    const parts: Buffer[] = [];
    let size = 0;
    while (size < PIECE) {
      const part = this.#producers[0]?.more();
      if (part === undefined) break;
      if (part.length === 0) this.#producers.shift();
      else size += parts[parts.push(part) - 1]?.length ?? 0;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, size);
  }
}

/** How many bytes at the end of the data may be the beginning of the terminator. */
function beginningAtEnd(data: Buffer, terminator: Buffer): number {
  let length = Math.min(data.length, terminator.length - 1);
  while (length > 0 && !data.subarray(-length).equals(terminator.subarray(0, length))) length--;
  return length;
}
