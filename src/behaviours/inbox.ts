import { GrowingBuffer } from '../protocol/growing-buffer.ts';
import type { Symptom } from './symptoms.ts';

/** How long to wait for what should come, in milliseconds: long, because these machines may be busy. */
export const PATIENCE = 60_000;

/** Why a wait is over: the deadline has passed, the stream has ended, or other bytes came than those expected. */
export type Why = 'silence' | 'end' | 'other';

/** What should have come did not, or something else did. */
export class ExpectationError extends Error {
  readonly why: Why | undefined;
  /** The likeliest symptom, where the conversation knows one. */
  suspect: Symptom | undefined;

  constructor(message: string, why?: Why) {
    super(message);
    this.why = why;
  }
}

export type InboxOptions = {
  /** How long to wait, in milliseconds. */
  patience?: number;
  /** Whether the sender has work to do at this moment: then its silence is not the end of patience. */
  isBusy?: () => boolean;
};

/** A sender that has work to do is waited for this many times as long, at most. */
const MOST = 20;
/** How often a sender that is late is looked at, in milliseconds, and how often it has to be idle. */
const PAUSE = 50;
const IDLE = 10;

/** Bytes that arrive over time, and can be waited for. */
export class Inbox {
  /** What has arrived since the last look at `bytes`, and what had arrived before. */
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

  /** What has arrived and was not taken. */
  get bytes(): Buffer {
    for (const bytes of this.#arrived.splice(0)) this.#memory.append(bytes);
    return this.#memory.bytes.subarray(this.#taken);
  }

  /** Whether the stream has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** How many bytes have ever arrived. */
  get received(): number {
    return this.#received;
  }

  /** The same as text. */
  get waiting(): string {
    return this.bytes.toString();
  }

  /** Waits until what has come, and was not taken, has this in it. Takes nothing. */
  async has(text: string): Promise<void> {
    let searched = 0; // Not from the beginning each time: there may be megabytes.
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

  /** Waits for the end, and takes all until then. */
  async rest(): Promise<string> {
    await this.until('the end', () => this.#ended);
    return this.#take(this.bytes.length).toString();
  }

  /** Waits until something is so, which can only change when more comes. */
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

  /** Until more has arrived, or so many milliseconds have passed. */
  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      // A timer that is late goes first: what has arrived meanwhile is received before the immediate.
      const timer = setTimeout(() => setImmediate(resolve), milliseconds);
      this.#changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Takes these bytes, which have arrived, and returns nothing. */
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
