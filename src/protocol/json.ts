import { Layer } from './chain.ts';
import { JsonSplitter } from './json-splitter.ts';

/** The most bytes of a value: an array may never end. */
const MAX_LENGTH = 64 * 1024;

/** Bytes below, JSON values above, one after the other, with anything white between them, or nothing. */
export class JsonProtocol extends Layer<Buffer, Buffer> {
  readonly #splitter = new JsonSplitter();

  received(bytes: Buffer): void {
    for (const value of this.#splitter.push(bytes)) this.#pass(value);
    this.#bound(this.#splitter.unfinished);
  }

  override ended(): void {
    const { unfinished, within } = this.#splitter;
    if (!within && unfinished.length > 0)
      this.#pass(unfinished); // a number: the end of the stream is its own
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
    this.report(`a value of more than ${MAX_LENGTH} bytes`, value.subarray(0, MAX_LENGTH));
    this.above.tooLong(MAX_LENGTH);
    this.close();
  }
}
