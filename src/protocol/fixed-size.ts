import { Layer } from './chain.ts';
import { GrowingBuffer } from './growing-buffer.ts';

/** Bytes below, messages above. All messages have the same size, like punched cards: spaces fill up the shorter ones. */
export class FixedSizeProtocol extends Layer<Buffer, Buffer> {
  readonly #arrived = new GrowingBuffer();
  readonly #size: number;

  constructor(size = 80) {
    super();
    this.#size = size;
  }

  received(bytes: Buffer): void {
    this.#arrived.append(bytes);
    while (this.#arrived.length >= this.#size && !this.closed) {
      const card = this.#arrived.take(this.#size);
      let end = card.length;
      while (card[end - 1] === SPACE) end--;
      this.above.received(card.subarray(0, end));
    }
  }

  override ended(): void {
    if (this.#arrived.length > 0 && !this.closed) this.report('an unfinished message', this.#arrived.bytes);
    super.ended();
  }

  send(message: Buffer): void {
    if (message.length > this.#size) this.report('the rest of a long message', message.subarray(this.#size));
    const card = Buffer.alloc(this.#size, ' ');
    message.copy(card);
    this.below.send(card);
  }
}

const SPACE = ' '.charCodeAt(0);
