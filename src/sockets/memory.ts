// Memory that the kernel reads and writes. It never moves, and calls take its address.

import { systemError } from './errors.ts';
import koffi from './koffi.ts';
import { errno, mmap } from './libc.ts';

/** Memory with its address. */
export type Pinned = { readonly bytes: Buffer; readonly address: number };

/** New memory that stays where it is, filled with zeros. */
export function pin(size: number): Pinned {
  // A small Buffer may be on the JavaScript heap, where the garbage collector moves it. An ArrayBuffer of its own never moves.
  const bytes = Buffer.from(new ArrayBuffer(size));
  return { bytes, address: Number(koffi.address(bytes)) };
}

const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;

/**
 * Memory that this process shares with the kernel, at this offset of a descriptor.
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
 * The bytes of a slab, and so the most that one `recv()` returns. A suspended coroutine keeps the bytes that it received last,
 * and those keep their slab. So an idle client may cost this much memory.
 */
const SLAB_SIZE = 16 * 1024;
/** A slab is full when it has less room than this, and less than you ask for. */
const MIN_ROOM = 4 * 1024;

/**
 * Memory to receive into. The kernel fills a slab from front to back, and then a new slab takes its place. So no byte is
 * written twice, and the bytes that {@link take} returns never change. The first slab is made when it is needed.
 */
export class Slabs {
  #slab: Pinned | undefined;
  #used = SLAB_SIZE;
  #taken: Buffer | undefined;
  #takenAt = 0;

  /** How many bytes you may write to {@link address}: as many as you ask for, or fewer. */
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

  /** The bytes that the kernel has written to {@link address}, as a view into the slab. */
  take(count: number): Buffer {
    const { bytes, address } = this.#slab as Pinned;
    const start = this.#used;
    this.#used += count;
    this.#taken = bytes.subarray(start, this.#used);
    this.#takenAt = address + start;
    return this.#taken;
  }

  /** The address of these bytes, if they were taken last: an echo sends them without a copy. Undefined for any others. */
  addressOf(bytes: Uint8Array): number | undefined {
    return bytes === this.#taken ? this.#takenAt : undefined;
  }
}

/** The most bytes that one `send()` takes from memory that is not pinned. */
const SCRATCH_SIZE = 64 * 1024;

/** Memory to send from. Bytes that are not pinned are copied here first, as many as fit. */
export class Scratch {
  #memory: Pinned | undefined;

  /** Copies these pieces, one after the other, as many bytes as fit. Returns how many bytes it copied. */
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

  /** The address of the bytes that {@link gather} has copied. */
  get address(): number {
    return this.#pinned.address;
  }

  get #pinned(): Pinned {
    this.#memory ??= pin(SCRATCH_SIZE);
    return this.#memory;
  }
}
