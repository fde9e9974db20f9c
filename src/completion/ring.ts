// io_uring: two queues in memory that the kernel and this process share.
//
//   accept(), recv(), send() ──▶ submission queue ──▶ the kernel does them, in its own time and order
//         wait() returns them ◀── completion queue ◀── the kernel writes the result of each
//
// Each queue is a ring: an array, a tail that counts the entries added so far, and a head that counts those removed. An entry
// is at its count modulo the size of the array. This process moves the tail of the first ring and the head of the second,
// the kernel moves the other two. Each number has one writer, so there is nothing to lock.
//
// To queue an operation takes no system call. wait() calls io_uring_enter() once: that hands over all queued operations, and
// sleeps until the kernel has completed at least one.
//
// io_uring(7) explains it, io_uring_setup(2) has the flags and offsets, io_uring_enter(2) the operations; <linux/io_uring.h>
// has the structures. It takes Linux 6.1.

import { ADDRESS_SIZE } from '../sockets/address.ts';
import { systemError } from '../sockets/errors.ts';
import { c, errno, io_uring_enter } from '../sockets/libc.ts';
import { type Pinned, pin, shareMemory } from '../sockets/memory.ts';
import type { Socket } from '../sockets/socket.ts';
import { Operation, opcodes } from './operation.ts';
import { setUp } from './set-up.ts';

export type { Operation } from './operation.ts';

/** How many operations the queue holds. More than these between two waits take another system call. */
const ENTRIES = 4096;
/** Only one thread uses the ring (`IORING_SETUP_SINGLE_ISSUER`), and the kernel does its work during wait() (`_DEFER_TASKRUN`). */
const SETUP_FLAGS = (1 << 12) | (1 << 13);
/** Where the submissions begin, for mmap(): `IORING_OFF_SQES`. */
const SUBMISSIONS = 0x10000000;
/** Sizes of `struct io_uring_sqe` and `struct io_uring_cqe`, in numbers of 32 bits. */
const SUBMISSION = 16;
const COMPLETION = 4;
const IORING_ENTER_GETEVENTS = 1;
/** `IORING_RECVSEND_POLL_FIRST`: the kernel does not look for bytes at once, because there seldom are any just after an answer. */
const POLL_FIRST = 1;
const MSG_WAITALL = 0x100;

/** Submits operations to the kernel, and returns those that are complete. */
export class Ring<Data> {
  readonly #fd: number;
  readonly #submissions: Int32Array;
  /** Heads and tails of both rings, and the completions. */
  readonly #shared: Int32Array;
  /** Their indexes in it: `struct io_sqring_offsets` and `struct io_cqring_offsets`. */
  readonly #at: { tail: number; completionHead: number; completionTail: number; completions: number };
  readonly #completionMask: number;
  #tail = 0;
  #completionHead = 0;
  /** How many operations are queued, and not yet handed over to the kernel. */
  #queued = 0;
  /** Operations by id, and the ids that are free. */
  readonly #inFlight: (Operation<Data> | undefined)[] = [];
  readonly #free: number[] = [];

  /** @throws Error if there is no io_uring here */
  constructor(entries = ENTRIES) {
    const { bytes, address } = pin(120); // struct io_uring_params, 30 numbers
    const params = new Int32Array(bytes.buffer);
    params[2] = SETUP_FLAGS;
    this.#fd = setUp(entries, address);
    const [submissions = 0, completions = 0] = params;
    const at = (field: number) => (params[field] as number) / 4;
    this.#at = { tail: at(11), completionHead: at(20), completionTail: at(21), completions: at(25) };
    const order = at(16);
    const size = Math.max(order + submissions, this.#at.completions + completions * COMPLETION);
    this.#shared = shareMemory(this.#fd, 0, size * 4);
    this.#submissions = shareMemory(this.#fd, SUBMISSIONS, submissions * SUBMISSION * 4);
    this.#completionMask = completions - 1;
    for (let i = 0; i < submissions; i++) this.#shared[order + i] = i; // The kernel takes submissions in the order of the queue.
  }

  /** Accepts the next client: {@link Operation.accepted} returns it. */
  accept(listener: Socket, data: Data): void {
    const memory = pin(ADDRESS_SIZE + 4); // for the client's address, and the size of that
    const size = memory.address + ADDRESS_SIZE;
    memory.bytes.writeUInt32LE(ADDRESS_SIZE, ADDRESS_SIZE);
    this.#submit('accept', listener.fd, data, memory, memory.address, 0, 0, size);
  }

  /** Receives into this memory, which belongs to the kernel until it completes. A result of 0 is the end of the stream. */
  recv(socket: Socket, memory: Pinned, data: Data): Operation<Data> {
    const { address, bytes } = memory;
    return this.#submit('recv', socket.fd, data, memory, address, bytes.length, 0, 0, POLL_FIRST);
  }

  /**
   * Sends the first `length` bytes of this memory, which belongs to the kernel until it completes. It completes when the kernel
   * has taken all of them, or the connection is broken.
   */
  send(socket: Socket, memory: Pinned, length: number, data: Data): Operation<Data> {
    return this.#submit('send', socket.fd, data, memory, memory.address, length, MSG_WAITALL);
  }

  /** Completes after `milliseconds`, with errno 62, `ETIME`. */
  timeout(milliseconds: number, data: Data): Operation<Data> {
    const time = pin(16); // struct __kernel_timespec: seconds and nanoseconds
    time.bytes.writeBigInt64LE(BigInt(Math.floor(milliseconds / 1000)), 0);
    time.bytes.writeBigInt64LE(BigInt((milliseconds % 1000) * 1_000_000), 8);
    return this.#submit('timeout', -1, data, time, time.address, 1);
  }

  /**
   * Asks the kernel to give up an operation in flight. Both complete: this request, and the operation, with `ECANCELED` unless
   * it was too late.
   */
  cancel(operation: Operation<Data>, data: Data): void {
    this.#submit('cancel', -1, data, undefined, operation.id, 0);
  }

  /** Hands over all queued operations, sleeps until at least one is complete, and returns all that are. */
  wait(): Operation<Data>[] {
    this.#enter(1);
    const completed: Operation<Data>[] = [];
    const tail = Atomics.load(this.#shared, this.#at.completionTail);
    while (this.#completionHead !== tail) {
      const at = this.#at.completions + (this.#completionHead & this.#completionMask) * COMPLETION;
      const id = this.#shared[at] as number;
      const operation = this.#inFlight[id] as Operation<Data>;
      operation.result = this.#shared[at + 2] as number;
      this.#inFlight[id] = undefined;
      this.#free.push(id);
      completed.push(operation);
      this.#completionHead = (this.#completionHead + 1) | 0;
    }
    Atomics.store(this.#shared, this.#at.completionHead, tail);
    return completed;
  }

  /** Writes a `struct io_uring_sqe` to the queue. Its other fields stay 0. */
  #submit(
    name: keyof typeof opcodes,
    fd: number,
    data: Data,
    memory: Pinned | undefined,
    address: number,
    length: number,
    flags = 0,
    address2 = 0,
    priority = 0,
  ): Operation<Data> {
    while (this.#queued === this.#submissions.length / SUBMISSION) this.#enter(0);
    const id = this.#free.pop() ?? this.#inFlight.length;
    const operation = new Operation(name, fd, data, memory, id);
    this.#inFlight[id] = operation;
    const entry = this.#submissions;
    const at = (this.#tail * SUBMISSION) & (entry.length - 1);
    entry[at] = opcodes[name] | (priority << 16);
    entry[at + 1] = fd;
    entry[at + 2] = address2; // An address has 64 bits: first the lower 32, which an Int32Array keeps of a number, then the rest.
    entry[at + 3] = address2 / 2 ** 32;
    entry[at + 4] = address;
    entry[at + 5] = address / 2 ** 32;
    entry[at + 6] = length;
    entry[at + 7] = flags;
    entry[at + 8] = id;
    this.#tail = (this.#tail + 1) | 0;
    this.#queued++;
    return operation;
  }

  /** Hands over all queued operations, and sleeps until `least` operations are complete. */
  #enter(least: number): void {
    Atomics.store(this.#shared, this.#at.tail, this.#tail); // From here on, the kernel may read the entries before the tail.
    const count = io_uring_enter(this.#fd, this.#queued, least, IORING_ENTER_GETEVENTS, 0);
    if (count >= 0) this.#queued -= count;
    // EINTR: a signal arrived. EAGAIN, EBUSY: the kernel lacks memory, or room for completions, until wait() takes some.
    else if (![c.EINTR, c.EAGAIN, c.EBUSY].includes(errno())) throw systemError('io_uring_enter', errno());
  }
}
