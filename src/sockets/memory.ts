// Memory that the kernel reads and writes: it never moves, and it is passed by its address.

import { systemError } from './errors.ts';
import koffi from './koffi.ts';
import { errno, mmap } from './libc.ts';

/** Memory with its address. */
export type Pinned = { readonly bytes: Buffer; readonly address: number };

/** New memory that stays where it is, filled with zeros. */
export function pin(size: number): Pinned {
  // A small Buffer may live on the JavaScript heap, where the garbage collector moves it. This one can't.
  const bytes = Buffer.from(new ArrayBuffer(size));
  return { bytes, address: Number(koffi.address(bytes)) };
}

const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;

/**
 * Memory of the kernel's own, at this offset of a descriptor, which this process may read and write, too.
 *
 * @throws SystemError `ENOMEM`
 * @see mmap(2)
 */
export function shareMemory(fd: number, offset: number, size: number): Int32Array {
  const address = mmap(0, size, PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, offset);
  if (address < 0) throw systemError('mmap', errno());
  return new Int32Array(koffi.view(address, size));
}

/**
 * The bytes of a slab, and so the most that one `recv()` returns. A suspended coroutine keeps the bytes it received last,
 * and with them their slab: so many KiB for each idle client, at worst.
 */
const SLAB_SIZE = 16 * 1024;
/** With less room than this, and less than was asked for, a slab is full. */
const MIN_ROOM = 4 * 1024;

/**
 * Memory to receive into. The kernel fills a slab from front to back; when a slab is full, a new one takes its place. So
 * no byte is written twice, and what {@link take} returns stays what it is. The first slab is made when it is needed.
 */
export class Slabs {
  #slab: Pinned | undefined;
  #used = SLAB_SIZE;
  #taken: Buffer | undefined;
  #takenAt = 0;

  /** How many bytes may be written to {@link address}: as many as asked for, or fewer. */
  room(size: number): number {
    if (SLAB_SIZE - this.#used < Math.min(size, MIN_ROOM)) {
      this.#slab = pin(SLAB_SIZE);
      this.#used = 0;
    }
    return Math.min(size, SLAB_SIZE - this.#used);
  }

  /** Where to write next. Ask for {@link room} first. */
  get address(): number {
    return (this.#slab as Pinned).address + this.#used;
  }

  /** The bytes that have been written to {@link address}, as a view into the slab. */
  take(count: number): Buffer {
    const { bytes, address } = this.#slab as Pinned;
    const start = this.#used;
    this.#used += count;
    this.#taken = bytes.subarray(start, this.#used);
    this.#takenAt = address + start;
    return this.#taken;
  }

  /** The address of the bytes that were taken last: an echo sends them back as they are. Undefined for any others. */
  addressOf(bytes: Uint8Array): number | undefined {
    return bytes === this.#taken ? this.#takenAt : undefined;
  }
}

/** The most bytes that one `send()` takes from memory that is not pinned. */
const SCRATCH_SIZE = 64 * 1024;

/** Memory to send from: bytes that lie anywhere are copied here first, as many as fit. */
export class Scratch {
  #memory: Pinned | undefined;

  /** Copies these pieces, one behind the other. Returns how many bytes that are. */
  gather(pieces: readonly Uint8Array[]): number {
    const { bytes } = this.#pinned;
    let end = 0;
    for (const piece of pieces) {
      const room = bytes.length - end;
      bytes.set(piece.length > room ? piece.subarray(0, room) : piece, end);
      end += Math.min(piece.length, room);
      if (end === bytes.length) break;
    }
    return end;
  }

  /** Where the bytes are that {@link gather} has copied. */
  get address(): number {
    return this.#pinned.address;
  }

  get #pinned(): Pinned {
    this.#memory ??= pin(SCRATCH_SIZE);
    return this.#memory;
  }
}
