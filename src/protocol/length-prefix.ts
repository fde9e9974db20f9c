import { Layer } from './chain.ts';
import { GrowingBuffer } from './growing-buffer.ts';

/** The most bytes of a message. A client may send a length of 4 GB. */
const MAX_LENGTH = 64 * 1024;

/** Bytes below, messages above. The length of each stands before it, in four bytes, big-endian. */
export class LengthPrefixProtocol extends Layer<Buffer, Buffer> {
  readonly #arrived = new GrowingBuffer();

  received(bytes: Buffer): void {
    this.#arrived.append(bytes);
    while (this.#arrived.length >= 4 && !this.closed) {
      const length = this.#arrived.bytes.readUInt32BE();
      if (length > MAX_LENGTH) {
        // No later message can be found: the length is wrong.
        this.refuse(`a message of ${length} bytes`, this.#arrived.take(4), MAX_LENGTH);
      } else if (this.#arrived.length >= 4 + length) {
        this.above.received(this.#arrived.take(4 + length).subarray(4));
      } else {
        return;
      }
    }
  }

  override ended(): void {
    if (this.#arrived.length > 0 && !this.closed) this.report('an unfinished message', this.#arrived.bytes);
    super.ended();
  }

  send(message: Buffer): void {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(message.length);
    this.below.send(Buffer.concat([prefix, message]));
  }
}
