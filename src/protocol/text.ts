import { Layer } from './chain.ts';

/** Bytes below, text above, in UTF-8. What is not UTF-8 comes up as U+FFFD, the replacement character. */
export class TextProtocol extends Layer<Buffer, string> {
  received(bytes: Buffer): void {
    this.above.received(bytes.toString());
  }

  send(text: string): void {
    this.below.send(Buffer.from(text));
  }
}
