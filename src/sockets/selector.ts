// One place to wait for many sockets at once.

import { systemError } from './errors.ts';
import * as libc from './libc.ts';
import { c, errno } from './libc.ts';
import { pin } from './memory.ts';
import type { Socket } from './socket.ts';

/** Interest in reading. Bytes have arrived, the stream has ended, or a connection waits in the queue of a listener. */
export const READ = 1;
/** Interest in writing. The kernel has room for bytes to send. */
export const WRITE = 2;

/** What a selector knows of a socket. */
export type Key<Data> = {
  readonly socket: Socket;
  /** The data that you registered it with: a state, or a callback. */
  readonly data: Data;
  /** The interest: READ, WRITE, both (READ | WRITE), or 0, none. */
  readonly interest: number;
  /** The part of its interest that the socket is ready for. 0 if it is ready for nothing, or no longer registered. */
  readonly ready: number;
};

/** A way to wait in the kernel: `epoll` on Linux, `poll` everywhere. */
export type Mechanism = 'epoll' | 'poll';

export const mechanisms: readonly Mechanism[] = process.platform === 'linux' ? ['epoll', 'poll'] : ['poll'];

/** What both mechanisms do, each with system calls of its own. */
type Poller = {
  readonly fd?: number;
  add(fd: number, interest: number): void;
  change(fd: number, interest: number): void;
  remove(fd: number): void;
  /** Waits, and then calls `ready` for each descriptor that is ready. `timeout` is in milliseconds, -1 for ever. */
  wait(timeout: number, ready: (fd: number, events: number) => void): void;
  close(): void;
};

type OwnKey<Data> = { -readonly [Name in keyof Key<Data>]: Key<Data>[Name] };

/**
 * Waits until any of its registered sockets is ready. Readiness is level-triggered: a socket stays ready as long as there are
 * bytes to read, or room to write.
 *
 * @see epoll(7), poll(2)
 */
export class Selector<Data> {
  readonly #poller: Poller;
  // The kernel always hands out the smallest free descriptor. So descriptors are small, and an array is the quickest map.
  readonly #keys: (OwnKey<Data> | undefined)[] = [];
  readonly #ready: OwnKey<Data>[] = [];
  #size = 0;

  constructor(mechanism: Mechanism = mechanisms[0] as Mechanism) {
    this.#poller = mechanism === 'epoll' ? new Epoll() : new Poll();
  }

  /** How many sockets are registered. */
  get size(): number {
    return this.#size;
  }

  /** The descriptor of the epoll. It is readable while a socket is ready, so another loop can wait for it. `poll` has none. */
  get fd(): number | undefined {
    return this.#poller.fd;
  }

  /** @throws Error if the socket is registered already, SystemError `EBADF` if it is closed */
  register(socket: Socket, interest: number, data: Data): Key<Data> {
    if (this.#keys[socket.fd])
      throw new Error(`Cannot register descriptor ${socket.fd}: it is registered already`);
    this.#poller.add(socket.fd, interest);
    const key = { socket, data, interest, ready: 0 };
    this.#keys[socket.fd] = key;
    this.#size++;
    return key;
  }

  /** Changes the interest of a socket. Makes no system call if the interest stays the same. */
  modify(key: Key<Data>, interest: number): void {
    if (key.interest === interest) return;
    this.#poller.change(key.socket.fd, interest);
    (key as OwnKey<Data>).interest = interest;
  }

  /**
   * Forgets a socket. A second call does nothing. Call it before you close the socket: after close(), the kernel may give
   * the descriptor to a new connection.
   *
   * @throws Error if it is closed already
   */
  unregister(key: Key<Data>): void {
    if (key.socket.closed) throw new Error('Cannot unregister a socket that is closed');
    if (this.#keys[key.socket.fd] !== key) return;
    this.#poller.remove(key.socket.fd);
    this.#keys[key.socket.fd] = undefined;
    this.#size--;
    (key as OwnKey<Data>).ready = 0;
  }

  /**
   * Waits until a socket is ready, and returns the keys of all ready sockets. Each call returns the same array, so its
   * contents are valid until the next call. While you go through it you may unregister any socket: its `ready` is then 0.
   *
   * @param timeout how long to wait at most, in milliseconds: 0 does not wait, infinite waits for ever. A fraction of a
   *   millisecond is rounded up, and more than 24 days count as 24 days
   */
  select(timeout = Number.POSITIVE_INFINITY): readonly Key<Data>[] {
    this.#ready.length = 0;
    const left = timeout === Number.POSITIVE_INFINITY ? -1 : Math.min(Math.ceil(timeout), MAX_MILLISECONDS);
    this.#poller.wait(left, this.#collect);
    return this.#ready;
  }

  /** Closes the selector. Its sockets stay open. */
  close(): void {
    this.#poller.close();
  }

  readonly #collect = (fd: number, ready: number): void => {
    const key = this.#keys[fd];
    if (key === undefined) return;
    key.ready = ready & key.interest;
    // After a hang-up or an error, a socket is ready for everything. On Linux, epoll reports it even without interest.
    if (key.ready === 0) key.ready = ready;
    this.#ready.push(key);
  };
}

/** The longest timeout of both calls: an int. */
const MAX_MILLISECONDS = 2 ** 31 - 1;

/** How many events one epoll_wait() may return. The next call returns the others. */
const MAX_EVENTS = 1024;

/** epoll: the kernel keeps the list of descriptors, and returns the ready ones. Idle connections cost no CPU time. */
class Epoll implements Poller {
  readonly fd: number;
  // struct epoll_event: 32 bits of events, then 64 of data, ours to choose: the descriptor. On x86-64 it is packed.
  static readonly #stride = process.arch === 'x64' ? 3 : 4;
  static readonly #data = process.arch === 'x64' ? 1 : 2;
  readonly #events = pin(MAX_EVENTS * Epoll.#stride * 4);
  readonly #numbers = new Int32Array(this.#events.bytes.buffer);

  constructor() {
    this.fd = libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.fd < 0) throw systemError('epoll_create1', errno());
  }

  add(fd: number, interest: number): void {
    this.#control(EPOLL_CTL_ADD, fd, interest);
  }

  change(fd: number, interest: number): void {
    this.#control(EPOLL_CTL_MOD, fd, interest);
  }

  remove(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, 0);
  }

  wait(timeout: number, ready: (fd: number, events: number) => void): void {
    const count = retry(timeout, this.#wait);
    if (count < 0) throw systemError('epoll_wait', errno());
    const numbers = this.#numbers;
    for (let i = 0, at = 0; i < count; i++, at += Epoll.#stride) {
      ready(numbers[at + Epoll.#data] as number, toReady(numbers[at] as number));
    }
  }

  close(): void {
    libc.close(this.fd);
  }

  readonly #wait = (timeout: number): number =>
    libc.epoll_wait(this.fd, this.#events.address, MAX_EVENTS, timeout);

  #control(operation: number, fd: number, interest: number): void {
    this.#numbers[0] = toEvents(interest);
    this.#numbers[Epoll.#data] = fd;
    this.#numbers[Epoll.#data + 1] = 0;
    if (libc.epoll_ctl(this.fd, operation, fd, this.#events.address) < 0)
      throw systemError('epoll_ctl', errno());
  }
}

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;

/** poll: the program hands the whole list to each call, and the kernel looks at every descriptor, idle or not. */
class Poll implements Poller {
  // struct pollfd: an int, the descriptor, and two shorts: the events to wait for, and the events that have happened.
  #numbers = new Int32Array(64 * 2);
  #bytes = Buffer.from(this.#numbers.buffer);
  #count = 0;
  /** Where in the array a descriptor stands. */
  readonly #places: number[] = [];

  add(fd: number, interest: number): void {
    if (fd < 0) throw systemError('poll', c.EBADF);
    if (this.#count * 2 === this.#numbers.length) this.#grow();
    this.#places[fd] = this.#count++;
    this.#numbers[2 * (this.#places[fd] as number)] = fd;
    this.change(fd, interest);
  }

  change(fd: number, interest: number): void {
    this.#numbers[2 * (this.#places[fd] as number) + 1] = toEvents(interest);
  }

  remove(fd: number): void {
    // The last entry moves to the place of the removed one, so the array has no holes.
    const place = this.#places[fd] as number;
    const last = --this.#count;
    this.#numbers.copyWithin(2 * place, 2 * last, 2 * last + 2);
    this.#places[this.#numbers[2 * place] as number] = place;
  }

  wait(timeout: number, ready: (fd: number, events: number) => void): void {
    let left = retry(timeout, this.#wait);
    if (left < 0) throw systemError('poll', errno());
    const numbers = this.#numbers;
    for (let at = 0; left > 0; at += 2) {
      const events = (numbers[at + 1] as number) >>> 16; // revents, the upper half: both machines are little-endian
      if (events === 0) continue;
      left--;
      ready(numbers[at] as number, toReady(events));
    }
  }

  close(): void {}

  readonly #wait = (timeout: number): number => libc.poll(this.#bytes, this.#count, timeout);

  #grow(): void {
    const roomier = new Int32Array(2 * this.#numbers.length);
    roomier.set(this.#numbers);
    this.#numbers = roomier;
    this.#bytes = Buffer.from(roomier.buffer);
  }
}

// poll and epoll use the same bits for the same events.
function toEvents(interest: number): number {
  return (interest & READ ? c.POLLIN : 0) | (interest & WRITE ? c.POLLOUT : 0);
}

/** A broken connection is ready for everything. The next call on it fails, and says why. */
function toReady(events: number): number {
  if (events & (c.POLLERR | c.POLLHUP | c.POLLNVAL)) return READ | WRITE;
  return (events & c.POLLIN ? READ : 0) | (events & c.POLLOUT ? WRITE : 0);
}

/** Waits again for the rest of the time, if a signal has interrupted the wait: signal(7). */
function retry(timeout: number, wait: (left: number) => number): number {
  const begin = timeout > 0 ? performance.now() : 0; // Reading the clock takes time, and only a timeout needs it.
  let count = wait(timeout);
  if (count >= 0 || errno() !== c.EINTR) return count;
  const deadline = begin + timeout;
  do {
    count = wait(timeout < 0 ? -1 : Math.max(0, Math.ceil(deadline - performance.now())));
  } while (count < 0 && errno() === c.EINTR);
  return count;
}
