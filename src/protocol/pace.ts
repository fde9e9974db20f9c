import { Layer } from './chain.ts';

/** Says how quickly the messages of one client may be answered. */
export type Pacer = {
  /** Whether the next message may go up. When it has said no, it sees to it that {@link PaceProtocol.resume} is called. */
  mayBeHeard(): boolean;
  /** The message has been answered, as far as that can be done at once. */
  answered(): void;
  /** A message is longer than it may be. The pacer closes the connection. */
  tooLong(): void;
};

/** Waits behind the messages that came before the one that is too long. */
const TOO_LONG = Symbol();

/**
 * Messages below and the same above, but one at a time, and each only when it may. Without that, one packet of short
 * questions may be answered with more than can be kept.
 */
export class PaceProtocol extends Layer<Buffer, Buffer> {
  readonly #pacer: Pacer;
  #waiting: (Buffer | typeof TOO_LONG)[] = [];

  constructor(pacer: Pacer) {
    super();
    this.#pacer = pacer;
  }

  /** Whether messages wait to go up. Receive no more until none does. */
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

  /** Lets messages go up that wait, as long as they may. */
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
