// A loop within a loop: Node's own waits for a selector, as it waits for any other descriptor.

import { isMainThread } from 'node:worker_threads';
import { systemError } from './errors.ts';
import type { Selector } from './selector.ts';
import { libraryFunction, systemCall } from './system-call.ts';

// libuv, the loop of Node, is part of the program: https://docs.libuv.org/en/v1.x/poll.html
const uv_default_loop = libraryFunction<() => number>('uintptr_t uv_default_loop()');
const uv_handle_size = libraryFunction<(type: number) => number>('size_t uv_handle_size(int type)');
const uv_poll_init = libraryFunction<(loop: number, handle: number, fd: number) => number>(
  'int uv_poll_init(uintptr_t loop, uintptr_t handle, int fd)',
);
const uv_close = libraryFunction<(handle: number, closed: number) => void>(
  'void uv_close(uintptr_t handle, uintptr_t closed)',
);
const malloc = libraryFunction<(size: number) => number>('uintptr_t malloc(size_t size)');
const dlsym = libraryFunction<(library: number, name: string) => number>(
  'uintptr_t dlsym(intptr_t library, const char *name)',
);
/** Traced: from here on, the thread waits in Node's loop. */
const uv_poll_start = systemCall<(handle: number, events: number, callback: number) => number>(
  'int uv_poll_start(uintptr_t handle, int events, uintptr_t callback)',
);

const UV_POLL = 8;
const UV_READABLE = 1;
const RTLD_DEFAULT = 0;

/** Without a descriptor to wait for, how long each turn may sleep in poll(), and Node's loop not run, in milliseconds. */
const NAP = 10;
/** The longest time of `setTimeout()`: what is longer is made of several. */
const MAX_MILLISECONDS = 2 ** 31 - 1;

/**
 * Has a selector asked, by turns, in Node's own loop. That sleeps in the kernel until a socket of the selector is ready, or
 * anything else that Node waits for: neither of the two loops wakes for nothing, and neither holds up the other. Where the
 * selector has no descriptor (`poll`), each turn takes a nap instead, and Node's timers may be late by it.
 *
 * The process does not end while there is a guest: stop it.
 */
export class Guest {
  readonly #turn: (most: number) => void;
  readonly #handle: number | undefined;
  #immediate: NodeJS.Immediate;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer is due. */
  #due = Number.POSITIVE_INFINITY;

  /**
   * @param turn asks the selector, and may wait for so many milliseconds
   * @throws Error in a worker, when the selector has a descriptor; SystemError `EEXIST` if it has a guest
   */
  constructor({ fd }: Selector<unknown>, turn: (most: number) => void) {
    this.#turn = turn;
    this.#handle = fd === undefined ? undefined : watch(fd);
    this.#immediate = setImmediate(() => this.#run());
  }

  /** Sees to it that there is a turn as soon as this time has come, on the clock of `performance.now()`. */
  at(time: number): void {
    if (time >= this.#due) return;
    const left = time - performance.now();
    if (left <= 0) {
      this.#immediate.ref();
      return;
    }
    clearTimeout(this.#timer);
    this.#due = time;
    const wake = () => {
      this.#due = Number.POSITIVE_INFINITY;
      this.#immediate.ref();
    };
    this.#timer = setTimeout(wake, Math.min(Math.ceil(left), MAX_MILLISECONDS));
  }

  /** There are no more turns, and the process may end. */
  stop(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    if (this.#handle !== undefined) uv_close(this.#handle, address('free')); // libuv calls it when it is done with it.
  }

  #run(): void {
    this.#immediate = setImmediate(() => this.#run());
    // An immediate that is not counted runs after each wait of Node's loop, but does not keep it from waiting.
    if (this.#handle !== undefined) this.#immediate.unref();
    this.#turn(this.#handle === undefined ? NAP : 0);
  }
}

/** Has Node's loop wake whenever a descriptor is readable. Returns the handle by which it does. */
function watch(fd: number): number {
  if (!isMainThread)
    throw new Error('Cannot be a guest in a worker: the default loop of libuv is that of the main thread');
  const handle = malloc(Number(uv_handle_size(UV_POLL)));
  const result = uv_poll_init(uv_default_loop(), handle, fd);
  if (result < 0) throw systemError('uv_poll_init', -result);
  // All that is wanted is that Node's loop wakes. So the callback may be any function that does no harm.
  uv_poll_start(handle, UV_READABLE, address('uv_is_active'));
  return handle;
}

function address(name: string): number {
  return dlsym(RTLD_DEFAULT, name);
}
