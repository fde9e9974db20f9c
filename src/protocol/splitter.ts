const NOTHING = Buffer.alloc(0);

/**
 * Cuts a stream of bytes into messages at a delimiter, which is not part of them. However the stream arrives,
 * byte by byte or all at once, the same messages come out.
 */
export class Splitter {
  readonly #delimiter: Buffer;
  /** Room for a message that has begun but not ended. Its first `#length` bytes have arrived. */
  #begun = NOTHING;
  #length = 0;

  /** @throws RangeError if the delimiter is empty */
  constructor(delimiter = '\n') {
    if (delimiter === '') throw new RangeError('Cannot split at "": a delimiter is one character or more');
    this.#delimiter = Buffer.from(delimiter);
  }

  /** What has arrived of a message that has not ended. When the stream ends, it never will. */
  get unfinished(): Buffer {
    return this.#begun.subarray(0, this.#length);
  }

  /**
   * Takes the next bytes of the stream, and returns the messages that they complete. These share the memory of
   * `bytes` where they can: use them, or copy them, before that memory is used for something else.
   */
  push(bytes: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let start = 0;
    if (this.#length > 0) {
      const searched = this.#length;
      this.#append(bytes);
      // No delimiter ends in what was searched before, but one may begin there.
      const end = this.unfinished.indexOf(
        this.#delimiter,
        Math.max(0, searched - this.#delimiter.length + 1),
      );
      if (end === -1) return messages;
      messages.push(this.#begun.subarray(0, end));
      start = end + this.#delimiter.length - searched;
      this.#begun = NOTHING; // It belongs to the message now.
      this.#length = 0;
    }
    let end = bytes.indexOf(this.#delimiter, start);
    while (end !== -1) {
      messages.push(bytes.subarray(start, end));
      start = end + this.#delimiter.length;
      end = bytes.indexOf(this.#delimiter, start);
    }
    if (start < bytes.length) this.#append(bytes.subarray(start));
    return messages;
  }

  #append(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    if (length > this.#begun.length) {
      // Twice the room each time: so a long message is copied about once, and not again with each piece.
      const roomier = Buffer.allocUnsafe(Math.max(64, length, 2 * this.#begun.length));
      this.#begun.copy(roomier, 0, 0, this.#length);
      this.#begun = roomier;
    }
    bytes.copy(this.#begun, this.#length);
    this.#length = length;
  }
}
