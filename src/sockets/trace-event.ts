// The lines of the file that TRACE=file.jsonl names: one event a line. This file has only types, so a browser can import it.

/**
 * An event of a trace. Each call and wait is written when it begins, and again, with `took`, when it ends. Both lines have the
 * same `pid`, `thread` and `id`. If the second line is missing, the call or wait goes on. The wait of a generator that ends
 * before the loop sleeps is written once, without `at`.
 */
export type TraceEvent = (SystemCall | CoroutineWait | NodeWait) & {
  /** The number of this call or wait in its thread. */
  id: number;
  /**
   * The line that waits, with its file: `src/single/single3.ts:15`. For a call, it is the innermost line outside src/sockets,
   * src/parallel and src/cli. For `Atomics.wait()`, which semaphores and queues call, it is the innermost line of a step, if
   * there is one. For a coroutine, it is the line where the spawned function is suspended. It is missing if the line is
   * unknown, or Node's own loop waits.
   */
  at?: string;
};

/** Which thread it was, and when. */
type Moment = {
  pid: number;
  /** 0 is the main thread. */
  thread: number;
  /** Microseconds on the monotonic clock: all processes of a machine share it. */
  begin: number;
};

/** One call into the kernel. `result`, `took` and `error` are there when it has returned. */
export type SystemCall = Moment & {
  /** The name of the function, `recv` for example. */
  call: string;
  /** The descriptor that is its first argument, if it takes one. */
  fd?: number;
  /** Microseconds from the call to its return. */
  took?: number;
  /** What the function returned: bytes, a new descriptor, 0, or -1. */
  result?: number;
  /** The name of the error, when the result is negative: `ECONNRESET` for example. */
  error?: string;
};

/** A coroutine of this project's loop is suspended: until a socket is ready, for a time, or until a task has ended. */
export type CoroutineWait = Moment & {
  wait: 'read' | 'write' | 'sleep' | 'join';
  /** The descriptor of the socket. A socket has at most one coroutine that waits to read, and one that waits to write. */
  fd?: number;
  /** Microseconds until the loop resumed the coroutine. */
  took?: number;
};

/** The main thread has entered Node's own loop. From then on, it waits there whenever it is in no call. */
export type NodeWait = Moment & { wait: 'node' };
