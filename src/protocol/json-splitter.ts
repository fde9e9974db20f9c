import { GrowingBuffer } from './growing-buffer.ts';

const [SPACE, QUOTE, BACKSLASH] = [0x20, 0x22, 0x5c];
const opening = new Set(Buffer.from('[{'));
const closing = new Set(Buffer.from(']}'));

/**
 * Cuts a stream of bytes into JSON values. A bracket or a quote ends an array, an object or a string. White space, or the next
 * value, ends a number or a word such as `true`. It does not check that a value is valid JSON.
 */
export class JsonSplitter {
  readonly #begun = new GrowingBuffer();
  /** How many brackets are open. */
  #depth = 0;
  #quoted = false;
  #escaped = false;

  /** The bytes of a value that has not ended. */
  get unfinished(): Buffer {
    return this.#begun.bytes;
  }

  /** Whether the value that has begun ends only at a bracket or a quote. */
  get within(): boolean {
    return this.#depth > 0 || this.#quoted;
  }

  /** Takes the next bytes of the stream, and returns the values that they complete. */
  push(bytes: Buffer): Buffer[] {
    const values: Buffer[] = [];
    let start = 0;
    const cutAt = (end: number) => {
      this.#begun.append(bytes.subarray(start, end));
      if (this.#begun.length > 0) values.push(this.#begun.bytes);
      this.#begun.clear();
      start = end;
    };
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      const { within } = this;
      if (!within && (byte <= SPACE || byte === QUOTE || opening.has(byte))) cutAt(i);
      if (!within && byte <= SPACE) start = i + 1;
      this.#follow(byte);
      if (within && !this.within) cutAt(i + 1);
    }
    this.#begun.append(bytes.subarray(start));
    return values;
  }

  #follow(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === QUOTE) this.#quoted = !this.#quoted;
    else if (this.#quoted) this.#escaped = byte === BACKSLASH;
    else if (opening.has(byte)) this.#depth++;
    else if (closing.has(byte)) this.#depth = Math.max(0, this.#depth - 1);
  }
}
