import { LineProtocol } from './lines.ts';

/**
 * Lines that go up one at a time, and each only when it may. Without that, one packet of short questions may be answered
 * with more than can be kept.
 */
export class PacedLineProtocol extends LineProtocol {
  readonly #mayGoUp: () => boolean;
  /** Whole lines that have not gone up yet, the last one first. */
  #waiting: Buffer[] = [];
  #count = 0;

  /** @param mayGoUp is asked before each line. When it has said no, call {@link resume} as soon as it would say yes */
  constructor(mayGoUp: () => boolean) {
    super();
    this.#mayGoUp = mayGoUp;
  }

  /** Whether lines wait to go up. Hand over no more bytes until none does. */
  get waits(): boolean {
    return this.#waiting.length > 0;
  }

  /** The number of the line that has begun and not ended, or undefined if there is none. */
  get unfinished(): number | undefined {
    return this.splitter.unfinished.length > 0 ? this.#count : undefined;
  }

  override received(bytes: Buffer): void {
    this.#waiting = this.splitter.push(bytes).reverse();
    this.#count += this.#waiting.length;
    this.resume();
  }

  /** Lets lines go up, as long as they may. */
  resume(): void {
    while (this.#waiting.length > 0 && !this.closed && this.#mayGoUp()) {
      this.above.received(this.#waiting.pop() as Buffer);
    }
  }
}
