import { GrowingBuffer } from '../protocol/growing-buffer.ts';
import type { Symptom } from './symptoms.ts';

/** How long to wait for an answer, in milliseconds. It is long, because a machine may be busy. */
export const PATIENCE = 60_000;

/** Why a wait has failed: nothing arrived in time, the stream has ended, or other bytes arrived. */
export type Why = 'silence' | 'end' | 'other';

/** The expected bytes did not arrive, or others did. */
export class ExpectationError extends Error {
  readonly why: Why | undefined;
  /** The likeliest symptom, if the conversation knows one. */
  suspect: Symptom | undefined;

  constructor(message: string, why?: Why) {
    super(message);
    this.why = why;
  }
}

export type InboxOptions = {
  /** How long to wait, in milliseconds. */
  patience?: number;
  /** Whether the sender has work to do at this moment. Then the wait goes on. */
  isBusy?: () => boolean;
};

/** The wait for a sender with work to do takes at most this many times as long. */
const MOST = 20;
/** The pause between two looks at a late sender, in milliseconds, and how many times in a row it must be idle. */
const PAUSE = 50;
const IDLE = 10;

/** Bytes that arrive over time, and ways to wait for them. */
export class Inbox {
  /** The pieces that have arrived since the last look at `bytes`, and the bytes from before. */
  #arrived: Buffer[] = [];
  readonly #memory = new GrowingBuffer();
  #taken = 0;
  #received = 0;
  #ended = false;
  #changed = () => {};
  readonly #name: string;
  readonly #patience: number;
  readonly #isBusy: (() => boolean) | undefined;

  constructor(name: string, { patience = PATIENCE, isBusy }: InboxOptions = {}) {
    this.#name = name;
    this.#patience = patience;
    this.#isBusy = isBusy;
  }

  push(bytes: Buffer): void {
    this.#arrived.push(bytes);
    this.#received += bytes.length;
    this.#changed();
  }

  /** Drops all that has arrived. */
  forget(): void {
    this.drop(this.bytes.length);
  }

  /** No more will arrive. */
  over(): void {
    this.#ended = true;
    this.#changed();
  }

  /** The bytes that have arrived, and are not taken yet. */
  get bytes(): Buffer {
    for (const bytes of this.#arrived.splice(0)) this.#memory.append(bytes);
    return this.#memory.bytes.subarray(this.#taken);
  }

  /** Whether the stream has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** How many bytes have arrived in all. */
  get received(): number {
    return this.#received;
  }

  /** The same bytes as text. */
  get waiting(): string {
    return this.bytes.toString();
  }

  /** Waits until the bytes that are not taken contain this text. Takes nothing. */
  async has(text: string): Promise<void> {
    let searched = 0; // Don't search megabytes again from their beginning.
    await this.until(JSON.stringify(text), () => {
      const found = this.bytes.includes(text, searched);
      searched = Math.max(0, this.bytes.length - Buffer.byteLength(text));
      return found;
    });
  }

  /** Waits for a line, and takes it, without its `\n`. */
  async line(): Promise<string> {
    await this.until('a line', () => this.bytes.includes('\n'));
    return this.#take(this.bytes.indexOf('\n') + 1)
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
  async take(count: number): Promise<Buffer> {
    await this.until(`${count} bytes`, () => this.bytes.length >= count);
    return this.#take(count);
  }

  /** Waits for the end of the stream, and takes all bytes until then. */
  async rest(): Promise<string> {
    await this.until('the end', () => this.#ended);
    return this.#take(this.bytes.length).toString();
  }

  /** Waits until a condition is true. It is tested when bytes arrive. */
  async until(what: string, isThere: () => boolean): Promise<void> {
    const begin = performance.now();
    let deadline = begin + this.#patience;
    let idle = 0;
    while (!isThere()) {
      const now = performance.now();
      if (this.#isBusy && now > deadline && now < begin + MOST * this.#patience) {
        idle = this.#isBusy() ? 0 : idle + 1;
        if (idle < IDLE) deadline = now + PAUSE;
      }
      if (this.#ended || now > deadline) {
        const seen = JSON.stringify(this.waiting.slice(-1000));
        const end = this.#ended ? 'the end' : `nothing more in ${this.#patience} ms`;
        const why = this.#ended ? 'end' : 'silence';
        throw new ExpectationError(`${this.#name}: waited for ${what}, but after ${seen} came ${end}`, why);
      }
      await this.#change(deadline - now);
    }
  }

  /** Waits until bytes arrive, or so many milliseconds have passed. */
  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      // Node calls a late timer before it receives bytes, and the immediate after that. So bytes in the kernel count.
      const timer = setTimeout(() => setImmediate(resolve), milliseconds);
      this.#changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Takes so many of the bytes that have arrived, and drops them. */
  drop(count: number): void {
    this.#taken += count;
    if (this.#taken < this.#memory.length) return;
    this.#memory.clear();
    this.#taken = 0;
  }

  #take(count: number): Buffer {
    const taken = Buffer.from(this.bytes.subarray(0, count));
    this.drop(count);
    return taken;
  }
}
