// The system calls. A step that waits without Node's own loop waits in one of these, or in Atomics.wait().

import { constants } from 'node:os';
import koffi from './koffi.ts';
import { linuxCall, systemCall } from './system-call.ts';
import { startTrace } from './trace.ts';

// Each returns -1 when it fails. errno() then says why, until the next call.
export const socket = systemCall<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
export const socketpair = systemCall<(domain: number, type: number, protocol: number, fds: number) => number>(
  'int socketpair(int domain, int type, int protocol, uintptr_t fds)',
);
export const bind = systemCall<(fd: number, address: Uint8Array, size: number) => number>(
  'int bind(int fd, const void *address, uint32_t size)',
);
export const listen = systemCall<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)');
export const accept = systemCall<(fd: number, address: number, size: number) => number>(
  'int accept(int fd, uintptr_t address, uintptr_t size)',
);
export const connect = systemCall<(fd: number, address: Uint8Array, size: number) => number>(
  'int connect(int fd, const void *address, uint32_t size)',
);
export const recv = systemCall<(fd: number, buffer: number, size: number, flags: number) => number>(
  'intptr_t recv(int fd, uintptr_t buffer, size_t size, int flags)',
);
export const send = systemCall<(fd: number, bytes: number, size: number, flags: number) => number>(
  'intptr_t send(int fd, uintptr_t bytes, size_t size, int flags)',
);
export const shutdown = systemCall<(fd: number, how: number) => number>('int shutdown(int fd, int how)');
export const close = systemCall<(fd: number) => number>('int close(int fd)');
export const getsockname = systemCall<(fd: number, address: number, size: number) => number>(
  'int getsockname(int fd, uintptr_t address, uintptr_t size)',
);
export const setsockopt = systemCall<
  (fd: number, level: number, option: number, value: Uint8Array, size: number) => number
>('int setsockopt(int fd, int level, int option, const void *value, uint32_t size)');
export const fcntl = systemCall<(fd: number, command: number, type: 'int', value: number) => number>(
  'int fcntl(int fd, int command, ...)',
);
export const getsockopt = systemCall<
  (fd: number, level: number, option: number, value: number, size: number) => number
>('int getsockopt(int fd, int level, int option, uintptr_t value, uintptr_t size)');
export const poll = systemCall<(fds: Uint8Array, count: number, timeout: number) => number>(
  'int poll(void *fds, unsigned long count, int timeout)',
);

// epoll exists on Linux alone: epoll(7).
export const epoll_create1 = linuxCall<(flags: number) => number>('int epoll_create1(int flags)');
export const epoll_ctl = linuxCall<(epfd: number, op: number, fd: number, event: number) => number>(
  'int epoll_ctl(int epfd, int op, int fd, uintptr_t event)',
);
export const epoll_wait = linuxCall<(epfd: number, events: number, most: number, timeout: number) => number>(
  'int epoll_wait(int epfd, uintptr_t events, int most, int timeout)',
);

// io_uring exists on Linux alone, and the C library has no functions for it: io_uring(7).
export const io_uring_setup = linuxCall<(entries: number, params: number) => number>(
  'int io_uring_setup(uint32_t entries, uintptr_t params)',
  425,
);
export const io_uring_enter = linuxCall<
  (fd: number, submit: number, complete: number, flags: number, signals: 0) => number
>('int io_uring_enter(int fd, uint32_t submit, uint32_t complete, uint32_t flags, uintptr_t signals)', 426);
export const mmap = linuxCall<
  (address: 0, size: number, protection: number, flags: number, fd: number, offset: number) => number
>('intptr_t mmap(uintptr_t address, size_t size, int protection, int flags, int fd, long offset)');

/** Why the last call of this thread failed, as a positive number. Read it before you make another call. */
export function errno(): number {
  return koffi.errno();
}

const linux = {
  AF_INET6: 10,
  SOCK_CLOEXEC: 0o2000000,
  IPV6_V6ONLY: 26,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_ERROR: 4,
  SO_RCVBUF: 8,
  SO_KEEPALIVE: 9,
  TCP_KEEPIDLE: 4,
  TCP_KEEPINTVL: 5,
  TCP_KEEPCNT: 6,
  TCP_NOTSENT_LOWAT: 25,
  O_NONBLOCK: 0o4000,
};

const darwin: typeof linux = {
  AF_INET6: 30,
  SOCK_CLOEXEC: 0, // macOS has no such flag.
  IPV6_V6ONLY: 27,
  SOL_SOCKET: 0xffff,
  SO_REUSEADDR: 0x0004,
  SO_ERROR: 0x1007,
  SO_RCVBUF: 0x1002,
  SO_KEEPALIVE: 0x0008,
  TCP_KEEPIDLE: 0x10, // Its name there is TCP_KEEPALIVE.
  TCP_KEEPINTVL: 0x101,
  TCP_KEEPCNT: 0x102,
  TCP_NOTSENT_LOWAT: 0x201,
  O_NONBLOCK: 0x0004,
};

/** The constants of the C header files. Some have the same value on Linux and macOS, some have not. */
export const c = {
  AF_UNIX: 1,
  AF_INET: 2,
  SOCK_STREAM: 1,
  IPPROTO_TCP: 6,
  IPPROTO_IPV6: 41,
  TCP_NODELAY: 1,
  TCP_MAXSEG: 2,
  F_GETFL: 3,
  F_SETFL: 4,
  SHUT: { read: 0, write: 1, both: 2 },
  POLLIN: 0x001,
  POLLOUT: 0x004,
  POLLERR: 0x008,
  POLLHUP: 0x010,
  POLLNVAL: 0x020,
  ...(process.platform === 'darwin' ? darwin : linux),
  ...constants.errno,
};

startTrace();
