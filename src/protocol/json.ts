import { Layer } from './chain.ts';
import { JsonSplitter } from './json-splitter.ts';

/** The most bytes of a value. A client may send an array that never ends. */
const MAX_LENGTH = 64 * 1024;

/** Bytes below, JSON values above, with or without white space between them. */
export class JsonProtocol extends Layer<Buffer, Buffer> {
  readonly #splitter = new JsonSplitter();

  received(bytes: Buffer): void {
    for (const value of this.#splitter.push(bytes)) this.#pass(value);
    this.#bound(this.#splitter.unfinished);
  }

  override ended(): void {
    const { unfinished, within } = this.#splitter;
    if (!within && unfinished.length > 0)
      this.#pass(unfinished); // A number ends where the stream ends.
    else if (within && !this.closed) this.report('an unfinished value', unfinished);
    super.ended();
  }

  send(value: Buffer): void {
    this.below.send(Buffer.concat([value, Buffer.from('\n')]));
  }

  #pass(value: Buffer): void {
    this.#bound(value);
    if (!this.closed) this.above.received(value);
  }

  #bound(value: Buffer): void {
    if (value.length <= MAX_LENGTH || this.closed) return;
    this.refuse(`a value of more than ${MAX_LENGTH} bytes`, value.subarray(0, MAX_LENGTH), MAX_LENGTH);
  }
}
