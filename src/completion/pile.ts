import { pin } from '../sockets/memory.ts';

/** clear() gives up memory that is larger than this, in bytes. */
const KEPT = 64 * 1024;

/** Bytes to send, copied one after the other into memory for the kernel. */
export class Pile {
  memory = pin(0);
  length = 0;

  append(bytes: Uint8Array): void {
    const length = this.length + bytes.length;
    if (length > this.memory.bytes.length) {
      const roomier = pin(Math.max(length, 256, 2 * this.memory.bytes.length));
      roomier.bytes.set(this.memory.bytes.subarray(0, this.length));
      this.memory = roomier;
    }
    this.memory.bytes.set(bytes, this.length);
    this.length = length;
  }

  clear(): void {
    this.length = 0;
    if (this.memory.bytes.length > KEPT) this.memory = pin(0);
  }
}
