import { GrowingBuffer } from './growing-buffer.ts';

/**
 * Cuts a stream of bytes into messages at a delimiter, which is not part of them. The messages are the same whether the
 * stream arrives byte by byte or all at once.
 */
export class Splitter {
  /** What to search for. A single byte is a number, because indexOf() finds that sooner. */
  readonly #delimiter: Buffer | number;
  /** How many bytes the delimiter has. */
  readonly #size: number;
  /** The message that has begun, and not ended. */
  readonly #begun = new GrowingBuffer();

  /** @throws RangeError if the delimiter is empty */
  constructor(delimiter = '\n') {
    if (delimiter === '') throw new RangeError('Cannot split at "": a delimiter is one character or more');
    const bytes = Buffer.from(delimiter);
    this.#size = bytes.length;
    this.#delimiter = bytes.length === 1 ? (bytes[0] as number) : bytes;
  }

  /** The bytes of a message that has not ended. */
  get unfinished(): Buffer {
    return this.#begun.bytes;
  }

  /**
   * Takes the next bytes of the stream, and returns the messages that they complete. Most of these are views into `bytes`, and
   * change if you overwrite it.
   */
  push(bytes: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let start = 0;
    if (this.#begun.length > 0) {
      const searched = this.#begun.length;
      this.#begun.append(bytes);
      const begun = this.#begun.bytes;
      // In the bytes that were searched before, no delimiter ends, but one may begin.
      const end = begun.indexOf(this.#delimiter, Math.max(0, searched - this.#size + 1));
      if (end === -1) return messages;
      messages.push(begun.subarray(0, end));
      start = end + this.#size - searched;
      this.#begun.clear();
    }
    let end = bytes.indexOf(this.#delimiter, start);
    while (end !== -1) {
      messages.push(bytes.subarray(start, end));
      start = end + this.#size;
      end = bytes.indexOf(this.#delimiter, start);
    }
    if (start < bytes.length) this.#begun.append(bytes.subarray(start));
    return messages;
  }
}
