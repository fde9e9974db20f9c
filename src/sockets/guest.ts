// A loop within a loop: Node's own loop waits for a selector as it does for any other descriptor.

import { isMainThread } from 'node:worker_threads';
import { systemError } from './errors.ts';
import type { Selector } from './selector.ts';
import { libraryFunction, systemCall } from './system-call.ts';
import { Timer } from './timer.ts';

// The functions of libuv, the loop of Node, are in the program node itself: https://docs.libuv.org/en/v1.x/poll.html
const uv_default_loop = libraryFunction<() => number>('uintptr_t uv_default_loop()');
const uv_handle_size = libraryFunction<(type: number) => number>('size_t uv_handle_size(int type)');
const uv_poll_init = libraryFunction<(loop: number, handle: number, fd: number) => number>(
  'int uv_poll_init(uintptr_t loop, uintptr_t handle, int fd)',
);
const uv_close = libraryFunction<(handle: number, closed: number) => void>(
  'void uv_close(uintptr_t handle, uintptr_t closed)',
);
const malloc = libraryFunction<(size: number) => number>('uintptr_t malloc(size_t size)');
const free = libraryFunction<(memory: number) => void>('void free(uintptr_t memory)');
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

/** How long a turn may sleep in poll() if the selector has no descriptor, in milliseconds. Node's loop stops meanwhile. */
const NAP = 10;

/**
 * Runs a loop with a selector inside Node's own loop, turn by turn. Node's loop sleeps in the kernel until a socket of the
 * selector is ready, or anything else that Node waits for. So neither loop wakes for nothing, and neither delays the other.
 * A selector without a descriptor (`poll`) sleeps for up to 10 ms in each turn instead, and delays Node's timers by that.
 *
 * A guest keeps the process alive until you stop it.
 */
export class Guest {
  readonly #turn: (most: number) => void;
  readonly #handle: number | undefined;
  #immediate: NodeJS.Immediate;
  readonly #timer = new Timer(() => this.#immediate.ref());

  /**
   * @param turn calls `select()`, with `most` milliseconds for its timeout at most
   * @throws Error in a worker, if the selector has a descriptor; SystemError `EEXIST` if the selector has a guest already
   */
  constructor({ fd }: Selector<unknown>, turn: (most: number) => void) {
    this.#turn = turn;
    this.#handle = fd === undefined ? undefined : watch(fd);
    this.#immediate = setImmediate(() => this.#run());
  }

  /** Takes a turn as soon as this time has come, on the clock of `performance.now()`. */
  at(time: number): void {
    if (time <= performance.now()) this.#immediate.ref();
    else this.#timer.set(time);
  }

  /** Takes no more turns. The process may end. */
  stop(): void {
    clearImmediate(this.#immediate);
    this.#timer.cancel();
    if (this.#handle !== undefined) uv_close(this.#handle, address('free')); // libuv frees the handle later.
  }

  #run(): void {
    this.#immediate = setImmediate(() => this.#run());
    // After unref(), the immediate runs after each wait of Node's loop, but does not keep the loop from waiting.
    if (this.#handle !== undefined) this.#immediate.unref();
    this.#turn(this.#handle === undefined ? NAP : 0);
  }
}

/** Makes Node's loop wake whenever a descriptor is readable. Returns the handle of libuv that does so. */
function watch(fd: number): number {
  if (!isMainThread)
    throw new Error('Cannot be a guest in a worker: the default loop of libuv is that of the main thread');
  const handle = malloc(Number(uv_handle_size(UV_POLL)));
  const result = uv_poll_init(uv_default_loop(), handle, fd);
  if (result < 0) {
    free(handle);
    throw systemError('uv_poll_init', -result);
  }
  // Node's loop is to wake, and that is all. So the callback is a function without effect.
  uv_poll_start(handle, UV_READABLE, address('uv_is_active'));
  return handle;
}

function address(name: string): number {
  return dlsym(RTLD_DEFAULT, name);
}
