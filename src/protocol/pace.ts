import { Layer } from './chain.ts';

/** Decides how quickly the messages of one client are answered. */
export type Pacer = {
  /** Whether the next message may go up. If not, the pacer calls {@link PaceProtocol.resume} later. */
  mayBeHeard(): boolean;
  /** The message has been answered, or its answer is on its way. */
  answered(): void;
  /** A message is too long. The pacer closes the connection. */
  tooLong(): void;
};

/** Stands for a message that is too long, behind the messages that came before it. */
const TOO_LONG = Symbol();

/**
 * Passes messages up, one at a time, each when the pacer allows it. Without that, the answers to one packet of short questions
 * may be more than the server can keep.
 */
export class PaceProtocol extends Layer<Buffer, Buffer> {
  readonly #pacer: Pacer;
  #waiting: (Buffer | typeof TOO_LONG)[] = [];

  constructor(pacer: Pacer) {
    super();
    this.#pacer = pacer;
  }

  /** Whether messages wait to go up. Receive no more until they have gone up. */
  get waits(): boolean {
    return this.#waiting.length > 0;
  }

  override opened(): void {
    this.above.opened();
  }

  received(message: Buffer | typeof TOO_LONG): void {
    if (this.#waiting.length > 0 || !this.#pacer.mayBeHeard()) this.#waiting.push(message);
    else this.#answer(message);
  }

  /** Passes waiting messages up, as long as the pacer allows it. */
  resume(): void {
    let gone = 0;
    while (gone < this.#waiting.length && !this.closed && this.#pacer.mayBeHeard()) {
      this.#answer(this.#waiting[gone++] as Buffer | typeof TOO_LONG);
    }
    this.#waiting = this.closed ? [] : this.#waiting.slice(gone);
  }

  #answer(message: Buffer | typeof TOO_LONG): void {
    if (message === TOO_LONG) this.#pacer.tooLong();
    else this.above.received(message);
    this.#pacer.answered();
  }

  override tooLong(): void {
    this.received(TOO_LONG);
  }

  send(message: Buffer): void {
    this.below.send(message);
  }
}
