import { Layer } from './chain.ts';
import { Splitter } from './splitter.ts';

/** The most bytes of a line, unless its protocol is given another limit. */
const MAX_LINE = 1024 * 1024;

/**
 * Bytes below, lines above, without their `\n`. It reports half a line at the end of the stream. It also reports a line that is
 * longer than the limit: the protocol above may send a last answer, and closes.
 */
export class LineProtocol extends Layer<Buffer, Buffer> {
  readonly #splitter: Splitter;
  readonly #limit: number;
  readonly #end: Buffer;
  /** How many lines have ended. */
  #lines = 0;

  /** @param limit the most bytes of a line, without its end */
  constructor(limit = MAX_LINE, end = '\n') {
    super();
    this.#splitter = new Splitter(end);
    this.#limit = limit;
    this.#end = Buffer.from(end);
  }

  /** The number of the line that has begun and not ended, undefined if there is none. */
  get begun(): number | undefined {
    return this.#splitter.unfinished.length > 0 ? this.#lines : undefined;
  }

  received(bytes: Buffer): void {
    if (this.closed) return;
    for (const line of this.#splitter.push(bytes)) {
      this.#lines++;
      if (line.length > this.#limit) this.#refuse(line);
      if (this.closed) return;
      this.above.received(line);
    }
    // All bytes of the line's end but the last may have arrived.
    const { unfinished } = this.#splitter;
    if (!this.closed && unfinished.length >= this.#limit + this.#end.length) this.#refuse(unfinished);
  }

  override ended(): void {
    const { unfinished } = this.#splitter;
    if (unfinished.length > 0 && !this.closed) this.cutOff(unfinished);
    super.ended();
  }

  /** The stream has ended in the middle of a line. */
  protected cutOff(bytes: Buffer): void {
    this.report('an unfinished line', bytes);
  }

  send(line: Buffer): void {
    this.below.send(Buffer.concat([line, this.#end]));
  }

  /** Sends a line that has its end already. */
  deliver(line: Buffer): void {
    this.below.send(line);
  }

  #refuse(bytes: Buffer): void {
    this.refuse(`a message of more than ${this.#limit} bytes`, bytes.subarray(0, this.#limit), this.#limit);
  }
}

/** Lines that end in `\r\n`, both ways, as most protocols of the internet want them. */
export class CrlfLineProtocol extends LineProtocol {
  constructor(limit?: number) {
    super(limit, '\r\n');
  }
}
