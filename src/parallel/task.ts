// A thread's task, and its state, in memory that it shares with the keeper and the main thread.

/** What a thread runs. A function can't be passed to a thread, so this has its name. */
export type Task = {
  program: string;
  name: string;
  args: unknown[];
  /** Whether the process ends without waiting for the thread. */
  daemon?: boolean;
  /** The client that the thread serves. Without one, it is a thread of a pool, and another replaces it if it dies. */
  client?: { fd: number; host: string; port: number };
  /** The id of a thread that has died, if this one runs its `died()`. */
  dead?: number;
  /** {@link STATE} and {@link FD}. */
  state: Int32Array<SharedArrayBuffer>;
};

/** The index of the thread's state, which is one of the five below. */
export const STATE = 0;
export const STARTING = 0;
export const RUNNING = 1;
export const ENDED = 2;
/** start() has stopped waiting for the thread. */
export const GIVEN_UP = 3;
/** The thread ended before it was running. */
export const FAILED = 4;

/** The index of the client's descriptor: -1 if the thread has no client at the moment. */
export const FD = 1;

export function newState(fd = -1, now = STARTING): Int32Array<SharedArrayBuffer> {
  const state = new Int32Array(new SharedArrayBuffer(8));
  state[STATE] = now;
  state[FD] = fd;
  return state;
}
