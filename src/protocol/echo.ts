import { Protocol } from './chain.ts';

/** Sends every message back. */
export class EchoProtocol extends Protocol<Buffer> {
  received(message: Buffer): void {
    this.below.send(message);
  }

  override tooLong(limit: number): void {
    this.below.send(Buffer.from(`ERROR message longer than ${limit} bytes`));
    super.tooLong(limit);
  }
}
