// What a thread is told to do, and what it tells of itself in memory that it shares with the keeper and the main thread.

/** A function with its arguments does not fit through to another thread, its name does. */
export type Task = {
  program: string;
  name: string;
  args: unknown[];
  /** Whether the process ends without waiting for the thread. */
  daemon?: boolean;
  client?: { fd: number; host: string; port: number };
  /** The thread that has died, if this one runs what is to be done then. */
  dead?: number;
  /** {@link STATE} and {@link FD}. */
  state: Int32Array<SharedArrayBuffer>;
};

/** Where in the shared memory it says how far the thread is: one of the five below. */
export const STATE = 0;
export const STARTING = 0;
export const RUNNING = 1;
export const ENDED = 2;
/** start() waits no longer. */
export const GIVEN_UP = 3;
/** The thread has ended before it was running. */
export const FAILED = 4;

/** Where it has the descriptor of the client: -1 if there is none, or it is closed. */
export const FD = 1;

export function newState(fd = -1): Int32Array<SharedArrayBuffer> {
  const state = new Int32Array(new SharedArrayBuffer(8));
  state[FD] = fd;
  return state;
}
