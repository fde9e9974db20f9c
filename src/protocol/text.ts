import { Layer } from './chain.ts';

/** UTF-8 below, text above. Bytes that are not UTF-8 come up as U+FFFD, the replacement character. */
export class TextProtocol extends Layer<Buffer, string> {
  received(bytes: Buffer): void {
    this.above.received(bytes.toString());
  }

  send(text: string): void {
    this.below.send(Buffer.from(text));
  }
}
