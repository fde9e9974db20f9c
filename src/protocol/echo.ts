import { Protocol } from './chain.ts';

/** Sends every message back. */
export class EchoProtocol extends Protocol<Buffer> {
  received(message: Buffer): void {
    this.below.send(message);
  }
}
