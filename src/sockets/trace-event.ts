// What TRACE=file.jsonl writes, one of these a line. There are only types in this file, so a page in a browser may import it.

/**
 * An event of a trace. It is written when a call or a wait begins, and once more, with `took`, when it is over: the two have
 * the same `pid`, `thread` and `id`. Without the second one, it still goes on. The wait of a generator that is over before the
 * loop sleeps is written once, without `at`.
 */
export type TraceEvent = (SystemCall | CoroutineWait | NodeWait) & {
  /** Counts the calls and waits of this thread. */
  id: number;
  /**
   * The line that waits, with its file: `src/single/single3.ts:15`. Of a call, the innermost line outside src/sockets,
   * src/parallel and src/cli; of `Atomics.wait()`, which semaphores and queues make, the innermost line of a step, if there is
   * one. Of a coroutine, the line where the function that was spawned is suspended. None, if the line is not known, or Node's
   * own loop waits.
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

/** One call into the kernel. `result`, `took` and `error` are there once it has returned. */
export type SystemCall = Moment & {
  /** The name of the function, `recv` for example. */
  call: string;
  /** The descriptor it was called on, if it was called on one. */
  fd?: number;
  /** Microseconds from the call to its return. */
  took?: number;
  /** What the function returned: bytes, a new descriptor, 0, or -1. */
  result?: number;
  /** The name of the error, when the result is negative: `ECONNRESET` for example. */
  error?: string;
};

/** A coroutine of this project's loop is suspended until a socket can be read or written, for a time, or until a task has ended. */
export type CoroutineWait = Moment & {
  wait: 'read' | 'write' | 'sleep' | 'join';
  /** The descriptor of the socket. A socket has at most one coroutine that waits to read, and one that waits to write. */
  fd?: number;
  /** Microseconds until the loop resumed the coroutine. */
  took?: number;
};

/** The main thread has entered Node's own loop. From then on, while it makes no call, that is where it waits. */
export type NodeWait = Moment & { wait: 'node' };
