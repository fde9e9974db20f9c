// The Berkeley sockets, with the manners of Python's socket module.

import { ADDRESS_SIZE, type Address, decodeAddress, resolveAddress } from './address.ts';
import { type SystemError, systemError } from './errors.ts';
import * as libc from './libc.ts';
import { c, errno, type Pinned } from './libc.ts';

export { Address } from './address.ts';
export { type Pinned, pin } from './libc.ts';

/** What a non-blocking socket says in place of waiting. It is an answer, not an error. */
export type WouldBlock = 'would-block';

/** Connections that the kernel keeps for a listener that is busy. It lowers this to its own limit. */
export const BACKLOG = 4096;

// One of each a thread: all sockets of a thread receive into the same memory, and copy out what they got.
const scratch = libc.pin(64 * 1024);
const sockaddr = libc.pin(ADDRESS_SIZE);
const sockaddrSize = libc.pin(4);

/** A TCP socket: a connection, or a listener that connections arrive at. */
export class Socket {
  #fd: number;

  /** @param fd the descriptor of a socket that is open in this process, by whichever thread */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * A socket that accepts connections to `host` (an IPv4 address or a name) and `port` (0: any free one).
   * The connections have no Nagle delay, and one whose peer has vanished fails after some 90 s of silence.
   *
   * @throws SystemError `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, `ENOTFOUND`
   * @see listen(2), tcp(7)
   */
  static listen({ host, port }: { host: string; port: number }): Socket {
    return Socket.#open(`Cannot listen on ${host}:${port}`, host, port, (socket, address, action) => {
      // Without it, the port of a server that has just ended stays taken for a minute: TIME_WAIT, tcp(7).
      socket.#set(c.SOL_SOCKET, c.SO_REUSEADDR, 1);
      // A connection inherits the rest from its listener, which saves five calls for each.
      socket.#set(c.IPPROTO_TCP, c.TCP_NODELAY, 1);
      socket.#set(c.SOL_SOCKET, c.SO_KEEPALIVE, 1);
      socket.#set(c.IPPROTO_TCP, c.TCP_KEEPIDLE, 60);
      socket.#set(c.IPPROTO_TCP, c.TCP_KEEPINTVL, 10);
      socket.#set(c.IPPROTO_TCP, c.TCP_KEEPCNT, 3);
      check('bind', libc.bind(socket.#fd, address, address.length), action);
      check('listen', libc.listen(socket.#fd, BACKLOG), action);
    });
  }

  /**
   * A connection to `host` (an IPv4 address or a name) and `port`. Waits until it is made.
   *
   * @throws SystemError `ECONNREFUSED`, `ETIMEDOUT`, `ENETUNREACH`, `ENOTFOUND`
   * @see connect(2)
   */
  static connect({ host, port }: { host: string; port: number }): Socket {
    return Socket.#open(`Cannot connect to ${host}:${port}`, host, port, (socket, address, action) => {
      check('connect', libc.connect(socket.#fd, address, address.length), action);
    });
  }

  /**
   * Begins to connect, and does not wait: the socket is non-blocking. When it is ready for writing, the connection is
   * made, or has failed: {@link connectError} tells.
   *
   * @throws SystemError `ENOTFOUND`, or what is known to be impossible at once
   * @see connect(2), EINPROGRESS
   */
  static startConnect({ host, port }: { host: string; port: number }): Socket {
    return Socket.#open(`Cannot connect to ${host}:${port}`, host, port, (socket, address, action) => {
      socket.setBlocking(false);
      const result = libc.connect(socket.#fd, address, address.length);
      if (result < 0 && errno() !== c.EINPROGRESS) throw systemError('connect', errno(), action);
    });
  }

  /** A new socket, set up for an address; closed again if that fails. `action` begins the messages of its errors. */
  static #open(
    action: string,
    host: string,
    port: number,
    setUp: (socket: Socket, address: Buffer, action: string) => void,
  ): Socket {
    const address = resolveAddress(host, port, action);
    const socket = new Socket(check('socket', libc.socket(c.AF_INET, c.SOCK_STREAM, 0), action));
    try {
      setUp(socket, address, action);
    } catch (error) {
      socket.close();
      throw error;
    }
    return socket;
  }

  /** Why a connection that was begun has failed, or undefined if it has been made. Tells it once. */
  connectError(): SystemError | undefined {
    const size = sockaddrSize.address;
    sockaddrSize.bytes.writeUInt32LE(4);
    check('getsockopt', libc.getsockopt(this.#fd, c.SOL_SOCKET, c.SO_ERROR, sockaddr.address, size));
    const error = sockaddr.bytes.readInt32LE();
    return error === 0 ? undefined : systemError('connect', error);
  }

  /** The descriptor: the number that the kernel knows this socket by. -1 once it is closed. */
  get fd(): number {
    return this.#fd;
  }

  get closed(): boolean {
    return this.#fd === -1;
  }

  /** The address of this end: where a listener listens. */
  localAddress(): Address {
    sockaddrSize.bytes.writeUInt32LE(ADDRESS_SIZE);
    check('getsockname', libc.getsockname(this.#fd, sockaddr.address, sockaddrSize.address));
    return decodeAddress(sockaddr.bytes);
  }

  /**
   * The next connection, and the address of its other end. Waits until there is one.
   *
   * @throws SystemError `EMFILE` or `ENFILE` when there is no descriptor left, `EAGAIN` in place of waiting when
   *   the listener is non-blocking: {@link tryAccept} is made for that
   * @see accept(2)
   */
  accept(): [Socket, Address] {
    return orThrow('accept', this.tryAccept());
  }

  /** Like {@link accept}, but a non-blocking listener with nobody waiting answers `'would-block'`. */
  tryAccept(): [Socket, Address] | WouldBlock {
    while (true) {
      sockaddrSize.bytes.writeUInt32LE(ADDRESS_SIZE);
      const fd = libc.accept(this.#fd, sockaddr.address, sockaddrSize.address);
      if (fd >= 0) return [new Socket(fd), decodeAddress(sockaddr.bytes)];
      const error = errno();
      if (error === c.EAGAIN) return 'would-block';
      // A client that left again while it was waiting is no reason to fail: there may be a next one.
      if (error !== c.EINTR && error !== c.ECONNABORTED) throw systemError('accept', error);
    }
  }

  /**
   * The next bytes of the stream, at most `size` (and at most 64 KiB): as many as are there, so what was sent
   * at once may arrive in pieces, and what was sent in pieces at once. Waits while there are none. An empty
   * buffer is the end of the stream: the peer has said all it will say.
   *
   * @throws SystemError `ECONNRESET`, `ETIMEDOUT`; `EAGAIN` in place of waiting: see {@link tryRecv}
   * @see recv(2)
   */
  recv(size: number): Buffer {
    return orThrow('recv', this.tryRecv(size));
  }

  /** Like {@link recv}, but a non-blocking socket with nothing to read answers `'would-block'`. */
  tryRecv(size: number): Buffer | WouldBlock {
    const count = this.#recv(scratch.address, Math.min(size, scratch.bytes.length));
    if (count === 'would-block') return count;
    const bytes = Buffer.allocUnsafe(count);
    scratch.bytes.copy(bytes, 0, 0, count);
    return bytes;
  }

  /**
   * Hands bytes to the kernel, and returns how many it took: perhaps not all. Waits while it has no room.
   *
   * @throws SystemError `ECONNRESET`, `EPIPE`; `EAGAIN` in place of waiting: see {@link trySend}
   * @see send(2)
   */
  send(bytes: Uint8Array): number {
    return orThrow('send', this.trySend(bytes));
  }

  /** Like {@link send}, but a non-blocking socket without room answers `'would-block'`. */
  trySend(bytes: Uint8Array): number | WouldBlock {
    while (true) {
      // On a connection that is gone this fails with EPIPE. The signal of that name is ignored by Node.
      const count = libc.send(this.#fd, bytes, bytes.length, 0);
      if (count >= 0) return count;
      if (failure('send') === 'would-block') return 'would-block';
    }
  }

  /**
   * Like {@link tryRecv}, but into memory of your own, and returns how many bytes there are now, 0 at the end of the
   * stream. Nothing is allocated: for loops that serve thousands.
   *
   * @param memory what `pin()` returned; the bytes are written to its beginning
   */
  tryRecvInto(memory: Pinned): number | WouldBlock {
    return this.#recv(memory.address, memory.bytes.length);
  }

  /** Like {@link trySend}, but from pinned memory: the bytes from `start` to `end`. */
  trySendFrom(memory: Pinned, start: number, end: number): number | WouldBlock {
    while (true) {
      const count = libc.sendPinned(this.#fd, memory.address + start, end - start, 0);
      if (count >= 0) return count;
      if (failure('send') === 'would-block') return 'would-block';
    }
  }

  /**
   * Like {@link trySend}, for pieces that are to go out as one, without their being joined first: they are gathered in the
   * memory that all sockets of the thread share, as far as they fit in there, and nothing is allocated.
   */
  trySendPieces(pieces: readonly Buffer[]): number | WouldBlock {
    let end = 0;
    for (const piece of pieces) {
      end += piece.copy(scratch.bytes, end);
      if (end === scratch.bytes.length) break;
    }
    return this.trySendFrom(scratch, 0, end);
  }

  /** Sends all of these bytes, and waits until the kernel has taken the last one. For blocking sockets. */
  sendAll(bytes: Uint8Array): void {
    let sent = this.send(bytes);
    while (sent < bytes.length) sent += this.send(bytes.subarray(sent));
  }

  /**
   * Ends the stream in one direction, or in both. The peer sees the end after what was sent before; a thread
   * that waits in a call on this socket is woken.
   *
   * @see shutdown(2)
   */
  shutdown(how: 'read' | 'write' | 'both'): void {
    check('shutdown', libc.shutdown(this.#fd, c.SHUT[how]));
  }

  /** Whether calls on this socket wait (as they do at first) or answer `'would-block'`. */
  setBlocking(blocking: boolean): void {
    const flags = check('fcntl', libc.fcntl(this.#fd, c.F_GETFL, 'int', 0));
    const wanted = blocking ? flags & ~c.O_NONBLOCK : flags | c.O_NONBLOCK;
    if (wanted !== flags) check('fcntl', libc.fcntl(this.#fd, c.F_SETFL, 'int', wanted));
  }

  /** Gives the descriptor back. What was sent still arrives. Closing again does nothing. */
  close(): void {
    if (this.#fd === -1) return;
    // Forget the number first: even if the call fails, the kernel may give it to another connection.
    const fd = this.#fd;
    this.#fd = -1;
    // EBADF is a mistake of the program. Whatever else it says, the descriptor is free: close(2).
    if (libc.close(fd) < 0 && errno() === c.EBADF) throw systemError('close', c.EBADF);
  }

  #recv(address: number, size: number): number | WouldBlock {
    while (true) {
      const count = libc.recv(this.#fd, address, size, 0);
      if (count >= 0) return count;
      if (failure('recv') === 'would-block') return 'would-block';
    }
  }

  #set(level: number, option: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    check('setsockopt', libc.setsockopt(this.#fd, level, option, bytes, bytes.length));
  }
}

function check(syscall: string, result: number, action?: string): number {
  if (result < 0) throw systemError(syscall, errno(), action);
  return result;
}

/** What the failure of the last call means: to wait, or to make the call again. Any other is thrown. */
function failure(syscall: string): WouldBlock | 'again' {
  const error = errno();
  if (error === c.EAGAIN) return 'would-block';
  // A signal may end a wait early: signal(7). Nothing has happened.
  if (error === c.EINTR) return 'again';
  throw systemError(syscall, error);
}

function orThrow<Outcome>(syscall: string, outcome: Outcome | WouldBlock): Outcome {
  if (outcome === 'would-block') throw systemError(syscall, c.EAGAIN);
  return outcome as Outcome;
}
