import { decodeAddress } from '../sockets/address.ts';
import { type SystemError, systemError } from '../sockets/errors.ts';
import type { Pinned } from '../sockets/memory.ts';
import { type Address, Socket } from '../sockets/socket.ts';

/** The numbers of the operations: `enum io_uring_op`. */
export const opcodes = { timeout: 11, accept: 13, cancel: 14, send: 26, recv: 27 };

/** What the kernel is asked to do, and what came of it. From when it is submitted until wait() returns it, it is in flight. */
export class Operation<Data> {
  readonly name: keyof typeof opcodes;
  readonly fd: number;
  /** The data that you submitted it with. */
  readonly data: Data;
  /** While it is in flight, the kernel reads or writes this memory: the garbage collector must not free it. */
  readonly memory: Pinned | undefined;
  /** Its number in the rings, which have no room for an object. */
  readonly id: number;
  /** What the system call would return: bytes, or a descriptor. If it has failed, its errno as a negative number. */
  result = 0;

  constructor(name: keyof typeof opcodes, fd: number, data: Data, memory: Pinned | undefined, id: number) {
    this.name = name;
    this.fd = fd;
    this.data = data;
    this.memory = memory;
    this.id = id;
  }

  /** The connection that an accept has resulted in, and the address of its other end. */
  accepted(): [Socket, Address] {
    return [new Socket(this.result), decodeAddress((this.memory as Pinned).bytes)];
  }

  /** Why it has failed, or undefined if it has not. */
  get error(): SystemError | undefined {
    return this.result < 0 ? systemError(this.name, -this.result) : undefined;
  }
}
