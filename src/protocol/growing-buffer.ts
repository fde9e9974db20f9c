const NOTHING = Buffer.alloc(0);

/** Copies pieces of a stream together, into one buffer. */
export class GrowingBuffer {
  #memory = NOTHING;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** All bytes so far. This view is valid until the next piece. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  /** Adds a copy of these bytes. */
  append(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    if (length > this.#memory.length) {
      // Doubling the room copies a long message about once, and not again for each piece.
      const roomier = Buffer.allocUnsafe(Math.max(64, length, 2 * this.#memory.length));
      this.#memory.copy(roomier, 0, 0, this.#length);
      this.#memory = roomier;
    }
    bytes.copy(this.#memory, this.#length);
    this.#length = length;
  }

  /** Removes so many bytes from the front, and returns them. They never change. */
  take(length: number): Buffer {
    const taken = this.bytes.subarray(0, length);
    this.#length -= taken.length;
    this.#memory = this.#length > 0 ? this.#memory.subarray(taken.length) : NOTHING;
    return taken;
  }

  /** Begins again in new memory. The bytes that `bytes` has returned never change. */
  clear(): void {
    this.#memory = NOTHING;
    this.#length = 0;
  }
}
