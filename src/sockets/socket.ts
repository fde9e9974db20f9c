// The Berkeley sockets, with the manners of Python's socket module.
//
// | call                                | waits                    | the bytes                                           |
// | ----------------------------------- | ------------------------ | --------------------------------------------------- |
// | Socket.listen()                     | while a name is resolved |                                                     |
// | Socket.connect()                    | until connected          |                                                     |
// | Socket.startConnect()               | while a name is resolved |                                                     |
// | accept()                            | until a client connects  |                                                     |
// | recv(size)                          | until bytes arrive       | a view into a slab that the kernel wrote to: yours  |
// | send(bytes), sendAll(bytes)         | until there is room      | yours; copied first, unless they were just received |
// | tryAccept(), tryRecv(), trySend()   | never, if non-blocking   | as above                                            |
// | trySendPieces(pieces)               | never, if non-blocking   | yours; copied together, for one send()              |
// | shutdown(), setBlocking(), close()  | never                    |                                                     |
// | Socket.pair()                       | never                    |                                                     |
// | lingeringClose()                    | until the peer ends, 2 s |                                                     |
//
// A slab is memory of this thread. The kernel writes to each part of it once, so received bytes never change. But they keep
// their whole slab in memory. If you keep a small piece for long, copy it, as GrowingBuffer does.

import { acceptAgainAfter } from './accept-failure.ts';
import { ADDRESS_SIZE, Address, decodeAddress, isIPv6, resolveAddress } from './address.ts';
import { type SystemError, systemError } from './errors.ts';
import * as libc from './libc.ts';
import { c, errno } from './libc.ts';
import { lingeringClose } from './lingering-close.ts';
import { pin, Scratch, Slabs } from './memory.ts';

export { Address } from './address.ts';

/** What a call on a non-blocking socket returns in place of waiting. It is a result, not an error. */
export type WouldBlock = 'would-block';

/** How many connections the kernel keeps in the queue of a listener. The kernel lowers this to its own limit. */
export const BACKLOG = 4096;

// Each thread loads this file, and so has slabs and a scratch of its own.
const slabs = new Slabs();
const scratch = new Scratch();
const sockaddr = pin(ADDRESS_SIZE);
const sockaddrSize = pin(4);

/** Where to listen, or what to connect to: a host, by address or by name, and a port. */
export type Endpoint = { host: string; port: number };

/**
 * If a peer reads slowly, the kernel keeps some megabytes for it. With `maxUnsent`, it keeps about that many bytes, so that
 * `send()` sooner returns `'would-block'`.
 *
 * @see tcp(7), TCP_NOTSENT_LOWAT
 */
export type Bounds = { maxUnsent?: number | undefined };

/** A TCP socket: a connection, or a listener that connections arrive at. */
export class Socket {
  #fd: number;

  /** @param fd the descriptor of a socket that a thread of this process has opened */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * A socket that accepts connections to `host` (an address or a name; of a name, an IPv4 address if it has one) and `port` (0:
   * any free port). `::` accepts IPv4 clients, too. The connections have no Nagle delay. If the peer of a connection has
   * vanished, calls on it fail after some 90 s.
   *
   * @throws SystemError `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, `ENOTFOUND`
   * @see listen(2), tcp(7), ipv6(7)
   */
  static listen({ host, port, maxUnsent }: Endpoint & Bounds): Socket {
    const action = `Cannot listen on ${new Address(host, port)}`;
    const addresses = resolveAddress(host, port, action);
    const address = addresses.find((address) => !isIPv6(address)) ?? (addresses[0] as Buffer);
    return Socket.#open(address, action, (socket) => {
      // Without it, the kernel keeps the port of an ended server taken for a minute: TIME_WAIT, tcp(7).
      socket.#set(c.SOL_SOCKET, c.SO_REUSEADDR, 1);
      if (isIPv6(address)) socket.#set(c.IPPROTO_IPV6, c.IPV6_V6ONLY, 0);
      // Connections inherit the other options from the listener, which saves five calls for each.
      socket.#set(c.IPPROTO_TCP, c.TCP_NODELAY, 1);
      socket.#set(c.SOL_SOCKET, c.SO_KEEPALIVE, 1);
      socket.#set(c.IPPROTO_TCP, c.TCP_KEEPIDLE, 60);
      socket.#set(c.IPPROTO_TCP, c.TCP_KEEPINTVL, 10);
      socket.#set(c.IPPROTO_TCP, c.TCP_KEEPCNT, 3);
      if (maxUnsent !== undefined) socket.#set(c.IPPROTO_TCP, c.TCP_NOTSENT_LOWAT, maxUnsent);
      check('bind', libc.bind(socket.#fd, address, address.length), action);
      check('listen', libc.listen(socket.#fd, BACKLOG), action);
    });
  }

  /**
   * Connects to `host` and `port`. `host` is an address or a name: of a name, the first address that answers. Waits until the
   * connection is made. With `keepsLittle`, the kernels keep some 200 KB of what the peer sends, in place of 4 MB: the buffer here is
   * small, and so are the segments, by which Linux sizes the buffer there.
   *
   * @throws SystemError `ECONNREFUSED`, `ETIMEDOUT`, `ENETUNREACH`, `ENOTFOUND`
   * @see connect(2), tcp(7), TCP_MAXSEG, socket(7), SO_RCVBUF
   */
  static connect({ host, port, keepsLittle = false }: Endpoint & { keepsLittle?: boolean }): Socket {
    const action = `Cannot connect to ${new Address(host, port)}`;
    let failed: unknown;
    for (const address of resolveAddress(host, port, action)) {
      try {
        return Socket.#open(address, action, (socket) => {
          if (keepsLittle) {
            socket.#set(c.SOL_SOCKET, c.SO_RCVBUF, 16_384);
            socket.#set(c.IPPROTO_TCP, c.TCP_MAXSEG, 1000);
          }
          check('connect', libc.connect(socket.#fd, address, address.length), action);
        });
      } catch (error) {
        failed = error;
      }
    }
    throw failed;
  }

  /**
   * Two sockets of this process that are connected to each other.
   *
   * @throws SystemError `EMFILE`, `ENFILE`
   * @see socketpair(2), unix(7)
   */
  static pair(): [Socket, Socket] {
    const fds = pin(8);
    check('socketpair', libc.socketpair(c.AF_UNIX, c.SOCK_STREAM, 0, fds.address));
    return [new Socket(fds.bytes.readInt32LE(0)), new Socket(fds.bytes.readInt32LE(4))];
  }

  /**
   * Begins to connect to an address (of a name, the first), and does not wait: the socket is non-blocking. When the socket is
   * ready for writing, the connection is made or has failed: {@link connectError} tells which.
   *
   * @throws SystemError `ENOTFOUND`, or the error of a connect() that fails at once
   * @see connect(2), EINPROGRESS
   */
  static startConnect({ host, port }: Endpoint): Socket {
    const action = `Cannot connect to ${new Address(host, port)}`;
    const address = resolveAddress(host, port, action)[0] as Buffer;
    return Socket.#open(address, action, (socket) => {
      socket.setBlocking(false);
      const result = libc.connect(socket.#fd, address, address.length);
      if (result < 0 && errno() !== c.EINPROGRESS) throw systemError('connect', errno(), action);
    });
  }

  /** A new socket for this kind of address. Closes it if `setUp` fails. `action` begins the messages of errors. */
  static #open(address: Buffer, action: string, setUp: (socket: Socket) => void): Socket {
    const family = isIPv6(address) ? c.AF_INET6 : c.AF_INET;
    const type = c.SOCK_STREAM | c.SOCK_CLOEXEC; // A child process has no copy that keeps the connection open.
    const socket = new Socket(check('socket', libc.socket(family, type, 0), action));
    try {
      setUp(socket);
    } catch (error) {
      socket.close();
      throw error;
    }
    return socket;
  }

  /** Why {@link startConnect} has failed, or undefined if the connection is made. The kernel returns an error only once. */
  connectError(): SystemError | undefined {
    const size = sockaddrSize.address;
    sockaddrSize.bytes.writeUInt32LE(4);
    check('getsockopt', libc.getsockopt(this.#fd, c.SOL_SOCKET, c.SO_ERROR, sockaddr.address, size));
    const error = sockaddr.bytes.readInt32LE();
    return error === 0 ? undefined : systemError('connect', error);
  }

  /** The descriptor: the number by which the kernel knows this socket. -1 when it is closed. */
  get fd(): number {
    return this.#fd;
  }

  get closed(): boolean {
    return this.#fd === -1;
  }

  /** The address of this end of a connection, or the address where a listener listens. */
  localAddress(): Address {
    sockaddrSize.bytes.writeUInt32LE(ADDRESS_SIZE);
    check('getsockname', libc.getsockname(this.#fd, sockaddr.address, sockaddrSize.address));
    return decodeAddress(sockaddr.bytes);
  }

  /**
   * The next connection, and the address of its other end. Waits until there is one. When the kernel has no descriptor or no
   * memory for it, this tries again 10 ms later: see {@link acceptAgainAfter}.
   *
   * @throws SystemError `EBADF`, `EINVAL` when the listener is closed or shut down; `EAGAIN` when it is non-blocking and the
   *   queue is empty: call {@link tryAccept} there
   * @see accept(2)
   */
  accept(): [Socket, Address] {
    while (true) {
      try {
        return orThrow('accept', this.tryAccept());
      } catch (error) {
        acceptAgainAfter(error);
      }
    }
  }

  /**
   * Like {@link accept}, but returns `'would-block'` if the listener is non-blocking and its queue empty, and throws any
   * failure. {@link acceptOrReject} is for loops that survive failures.
   *
   * @throws SystemError `EMFILE`, `ENFILE`, `ENOBUFS` and the others of accept(2)
   */
  tryAccept(): [Socket, Address] | WouldBlock {
    while (true) {
      sockaddrSize.bytes.writeUInt32LE(ADDRESS_SIZE);
      const fd = libc.accept(this.#fd, sockaddr.address, sockaddrSize.address);
      if (fd >= 0) return [new Socket(fd), decodeAddress(sockaddr.bytes)];
      const error = errno();
      if (error === c.EAGAIN) return 'would-block';
      // ECONNABORTED: this client has closed its connection already. Another may be in the queue.
      if (error !== c.EINTR && error !== c.ECONNABORTED) throw systemError('accept', error);
    }
  }

  /**
   * The next bytes of the stream, at most `size` and at most 16 KiB. Waits while there are none. The kernel returns the bytes
   * that have arrived: one send() of the peer may take several recv(), and one recv() may return several send(). An empty
   * buffer is the end of the stream: the peer will send nothing more.
   *
   * @returns a view into a slab, as the head of this file explains
   * @throws SystemError `ECONNRESET`, `ETIMEDOUT`; `EAGAIN` in place of waiting: see {@link tryRecv}
   * @see recv(2)
   */
  recv(size: number): Buffer {
    return orThrow('recv', this.tryRecv(size));
  }

  /** Like {@link recv}, but returns `'would-block'` if the socket is non-blocking and there is nothing to read. */
  tryRecv(size: number): Buffer | WouldBlock {
    const room = slabs.room(size);
    while (true) {
      const count = libc.recv(this.#fd, slabs.address, room, 0);
      if (count >= 0) return slabs.take(count);
      if (failure('recv') === 'would-block') return 'would-block';
    }
  }

  /**
   * Hands bytes to the kernel, and returns how many it took: perhaps not all. Waits while the kernel has no room.
   *
   * @throws SystemError `ECONNRESET`, `EPIPE`; `EAGAIN` in place of waiting: see {@link trySend}
   * @see send(2)
   */
  send(bytes: Uint8Array): number {
    return orThrow('send', this.trySend(bytes));
  }

  /** Like {@link send}, but returns `'would-block'` if the socket is non-blocking and the kernel has no room. */
  trySend(bytes: Uint8Array): number | WouldBlock {
    const address = slabs.addressOf(bytes);
    if (address !== undefined) return this.#send(address, bytes.length);
    const length = scratch.gather([bytes]);
    return this.#send(scratch.address, length);
  }

  /**
   * Like {@link trySend}, for a queue: sends up to 64 KiB from its front with one call, and removes from the array what the
   * kernel took. Makes no call if the queue is empty. Joins the small pieces of a long queue.
   */
  trySendPieces(pieces: Uint8Array[]): number | WouldBlock {
    if (pieces.length === 0) return 0;
    const length = scratch.gather(pieces);
    const count = this.#send(scratch.address, length);
    if (count !== 'would-block') removeBytes(pieces, count);
    if (pieces.length > MANY) joinSmall(pieces);
    return count;
  }

  /** Sends all of these bytes. Waits until the kernel has taken the last one. For blocking sockets. */
  sendAll(bytes: Uint8Array): void {
    let sent = this.send(bytes);
    while (sent < bytes.length) sent += this.send(bytes.subarray(sent));
  }

  /**
   * Ends the stream in one direction, or in both. The peer receives all that was sent before, and then the end. A thread that
   * waits in a call on this socket wakes.
   *
   * @see shutdown(2)
   */
  shutdown(how: 'read' | 'write' | 'both'): void {
    check('shutdown', libc.shutdown(this.#fd, c.SHUT[how]));
  }

  /** Chooses whether calls on this socket wait (as they do at first) or return `'would-block'`. */
  setBlocking(blocking: boolean): void {
    const flags = check('fcntl', libc.fcntl(this.#fd, c.F_GETFL, 'int', 0));
    const wanted = blocking ? flags & ~c.O_NONBLOCK : flags | c.O_NONBLOCK;
    if (wanted !== flags) check('fcntl', libc.fcntl(this.#fd, c.F_SETFL, 'int', wanted));
  }

  /**
   * Gives the descriptor back. The kernel still delivers what was sent, unless the peer has sent bytes that you did not
   * receive, or sends more: then bytes may be lost, and {@link lingeringClose} is safe. A second call does nothing.
   *
   * @see close(2)
   */
  close(): void {
    if (this.#fd === -1) return;
    // First of all, forget the number: even if close() fails, the kernel may give it to a new connection.
    const fd = this.#fd;
    this.#fd = -1;
    // EBADF is a mistake of the program. After any other error, too, the descriptor is free: close(2).
    if (libc.close(fd) < 0 && errno() === c.EBADF) throw systemError('close', c.EBADF);
  }

  /**
   * Ends the stream, discards what still arrives, and closes when the peer has ended its stream, too: then the peer has
   * received everything. Waits two seconds at most. For blocking sockets.
   */
  lingeringClose(): void {
    lingeringClose(this);
  }

  #send(address: number, length: number): number | WouldBlock {
    while (true) {
      // On a broken connection, send() fails with EPIPE: Node ignores the signal SIGPIPE.
      const count = libc.send(this.#fd, address, length, 0);
      if (count >= 0) return count;
      if (failure('send') === 'would-block') return 'would-block';
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

/** What the failure of the last call means: would block, or call again. Throws any other. */
function failure(syscall: string): WouldBlock | 'again' {
  const error = errno();
  if (error === c.EAGAIN) return 'would-block';
  // A signal has interrupted the call: signal(7). Nothing was received or sent.
  if (error === c.EINTR) return 'again';
  throw systemError(syscall, error);
}

function orThrow<Outcome>(syscall: string, outcome: Outcome | WouldBlock): Outcome {
  if (outcome === 'would-block') throw systemError(syscall, c.EAGAIN);
  return outcome as Outcome;
}

/** Removes so many bytes from the front of an array of pieces. */
function removeBytes(pieces: Uint8Array[], count: number): void {
  let left = count;
  let whole = 0;
  for (let piece = pieces[0]; piece && piece.length <= left; piece = pieces[++whole]) left -= piece.length;
  if (whole === pieces.length)
    while (pieces.length > 0) pieces.pop(); // The usual case. splice() takes longer.
  else pieces.splice(0, whole);
  if (left > 0) pieces[0] = (pieces[0] as Uint8Array).subarray(left);
}

/** With more pieces than this, splice() takes longer than send(), because it moves all pieces that stay. */
const MANY = 1024;
const JOINED = 64 * 1024;

/** Joins the small pieces at the end of a queue: a million short lines become a few hundred pieces. */
function joinSmall(pieces: Uint8Array[]): void {
  let start = pieces.length;
  while (start > 0 && (pieces[start - 1] as Uint8Array).length < JOINED) start--;
  const bytes = Buffer.concat(pieces.splice(start));
  for (let i = 0; i < bytes.length; i += JOINED) pieces.push(bytes.subarray(i, i + JOINED));
}
