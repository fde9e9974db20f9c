import { GrowingBuffer } from '../protocol/growing-buffer.ts';

/** How long to wait for what should come, in milliseconds: long, because these machines may be busy. */
export const PATIENCE = 20_000;

/** What should have come did not, or something else did. */
export class ExpectationError extends Error {}

/** Bytes that arrive over time, and can be waited for. */
export class Inbox {
  /** What has arrived since somebody looked, and what had arrived before that. */
  #arrived: Buffer[] = [];
  readonly #memory = new GrowingBuffer();
  #taken = 0;
  #received = 0;
  #ended = false;
  #changed = () => {};
  readonly #name: string;
  readonly #patience: number;

  constructor(name: string, patience: number) {
    this.#name = name;
    this.#patience = patience;
  }

  push(bytes: Buffer): void {
    this.#arrived.push(bytes);
    this.#received += bytes.length;
    this.#changed();
  }

  /** Drops what has come so far. */
  forget(): void {
    this.#arrived = [];
    this.#memory.clear();
    this.#taken = 0;
  }

  end(): void {
    this.#ended = true;
    this.#changed();
  }

  get #bytes(): Buffer {
    if (this.#arrived.length > 0) this.#memory.append(Buffer.concat(this.#arrived.splice(0)));
    return this.#memory.bytes.subarray(this.#taken);
  }

  /** How many bytes have ever arrived. */
  get received(): number {
    return this.#received;
  }

  /** What has arrived and was not taken. */
  get waiting(): string {
    return this.#bytes.toString();
  }

  /** Waits until what has come, and was not taken, has this in it. Takes nothing. */
  async has(text: string): Promise<void> {
    let searched = 0; // Not from the beginning each time: there may be megabytes.
    await this.until(JSON.stringify(text), () => {
      const found = this.#bytes.includes(text, searched);
      searched = Math.max(0, this.#bytes.length - Buffer.byteLength(text));
      return found;
    });
  }

  /** Waits for a line, and takes it, without its `\n`. */
  async line(): Promise<string> {
    await this.until('a line', () => this.#bytes.includes('\n'));
    return this.#take(this.#bytes.indexOf('\n') + 1)
      .toString()
      .slice(0, -1);
  }

  /** Waits for a line that matches, and takes it and those before it. */
  async lineLike(pattern: RegExp): Promise<string> {
    while (true) {
      const line = await this.line();
      if (pattern.test(line)) return line;
    }
  }

  /** Waits for that many bytes, and takes them. */
  async bytes(count: number): Promise<Buffer> {
    await this.until(`${count} bytes`, () => this.#bytes.length >= count);
    return this.#take(count);
  }

  /** Waits for the end, and takes all until then. */
  async rest(): Promise<string> {
    await this.until('the end', () => this.#ended);
    return this.#take(this.#bytes.length).toString();
  }

  /** Waits until something is so, which can only change when more comes. */
  async until(what: string, isThere: () => boolean): Promise<void> {
    const deadline = performance.now() + this.#patience;
    while (!isThere()) {
      const left = deadline - performance.now();
      if (this.#ended || left <= 0) {
        const why = this.#ended ? 'the end' : `nothing more in ${this.#patience} ms`;
        const seen = JSON.stringify(this.waiting.slice(-1000));
        throw new ExpectationError(`${this.#name}: waited for ${what}, but after ${seen} came ${why}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #take(count: number): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, count));
    this.#taken += count;
    if (this.#taken === this.#memory.length) this.forget();
    return taken;
  }
}
