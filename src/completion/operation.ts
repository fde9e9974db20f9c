import { decodeAddress } from '../sockets/address.ts';
import { type SystemError, systemError } from '../sockets/errors.ts';
import type { Pinned } from '../sockets/memory.ts';
import { type Address, Socket } from '../sockets/socket.ts';

/** The numbers of the operations: `enum io_uring_op`. */
export const opcodes = { timeout: 11, accept: 13, cancel: 14, send: 26, recv: 27 };

/** A request to the kernel, and its result. It is in flight from when you submit it until wait() returns it. */
export class Operation<Data> {
  readonly name: keyof typeof opcodes;
  readonly fd: number;
  /** The data that you submitted it with. */
  readonly data: Data;
  /** Referenced here, so that the garbage collector does not free it while the kernel reads or writes it. */
  readonly memory: Pinned | undefined;
  /** Its number in the rings, which have no room for an object. */
  readonly id: number;
  /** What the system call would return: a number of bytes, or a descriptor. After a failure, the errno as a negative number. */
  result = 0;

  constructor(name: keyof typeof opcodes, fd: number, data: Data, memory: Pinned | undefined, id: number) {
    this.name = name;
    this.fd = fd;
    this.data = data;
    this.memory = memory;
    this.id = id;
  }

  /** Of an accept: the connection, and the address of its other end. */
  accepted(): [Socket, Address] {
    return [new Socket(this.result), decodeAddress((this.memory as Pinned).bytes)];
  }

  /** Why the operation failed, or undefined if it did not. */
  get error(): SystemError | undefined {
    return this.result < 0 ? systemError(this.name, -this.result) : undefined;
  }
}
