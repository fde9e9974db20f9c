// TRACE=file.jsonl before a step: the trace says which line waits, and for how long, in all threads and processes.

import type { Channel } from 'node:diagnostics_channel';
import { openSync, writeSync } from 'node:fs';
import { isMainThread, threadId } from 'node:worker_threads';
import { libraryFunction, now, systemCalls } from './system-call.ts';
import type { CoroutineWait, NodeWait, SystemCall, TraceEvent } from './trace-event.ts';
import { type Suspended, waits } from './waits.ts';
import { lineOfCall, lineOfCoroutine } from './where.ts';

/**
 * Writes every system call and every wait of this thread to the file that the environment variable `TRACE` names, when it begins
 * and when it ends. Each line is a {@link TraceEvent} in JSON. Workers and child processes inherit the variable, and append to
 * the same file. Does nothing without the variable. When the disk is full, the trace ends and the program goes on.
 *
 * With `TRACE_LIGHT=1`, the trace delays the program less: no event has its `at`, and a thread writes its events together, when it
 * is about to sleep, or every 10 ms.
 */
export function startTrace(): void {
  const path = process.env.TRACE;
  if (!path) return;
  // The first thread of the first process empties the file, and sets TRACE_BEGUN. Its workers and children inherit that.
  const first = process.env.TRACE_BEGUN !== path;
  process.env.TRACE_BEGUN = path;
  const fd = open(path, first);
  const isLight = process.env.TRACE_LIGHT === '1';
  const unwritten = new Set<Event>();
  let flushed = 0;
  let isDue = false;
  /** A microtask. It runs before Node's own loop goes on, and never in a program with a loop of its own. */
  const flushDue = () => {
    isDue = false;
    flush();
  };
  if (isLight) process.on('exit', flush);
  let count = 0;
  const begin = (event: Event, at?: string) =>
    write(Object.assign(event, { id: ++count, ...(at && { at }), begin: now() })); // Finding the line took time: begin now.
  // To find where a generator is suspended takes longer than all else. So the trace looks only when the loop is about to
  // sleep: most waits have ended by then.
  const suspended = new Set<Suspended>();
  const locate = () => {
    for (const { event, generator } of suspended)
      write(Object.assign(event, { at: lineOfCoroutine(generator) }));
    suspended.clear();
  };
  // For a guest, Node's own loop sleeps. Before it does, it runs this. A blocking loop never does.
  let selecting: SystemCall | undefined;
  let looking = false;
  const lookSoon = () => {
    if (looking || !selecting) return;
    looking = true;
    setImmediate(() => {
      looking = false;
      if (maySleep(selecting as SystemCall)) locate();
      else lookSoon();
    });
  };
  const listeners: [Channel, (message: unknown) => void][] = [
    [
      systemCalls.start,
      (message) => {
        const event = message as SystemCall;
        if (isLight) {
          begin(event);
          if (event.begin > flushed + 10_000 || maySleep(event)) flush();
          return;
        }
        const selects = event.call === 'epoll_wait' || event.call === 'poll';
        if (selects) selecting = event;
        if (selects && suspended.size > 0 && maySleep(event)) locate();
        begin(event, lineOfCall(event.call));
      },
    ],
    [systemCalls.end, (event) => write(event as SystemCall)],
    [
      waits.start,
      (message) => {
        const wait = message as Suspended;
        if (isLight) begin(wait.event);
        else if (!wait.generator) begin(wait.event, lineOfCoroutine());
        else {
          suspended.add(Object.assign(wait, { event: Object.assign(wait.event, { id: ++count }) }));
          lookSoon();
        }
      },
    ],
    [
      waits.end,
      (message) => {
        suspended.delete(message as Suspended);
        write((message as Suspended).event);
      },
    ],
  ];
  for (const [channel, listener] of listeners) channel.subscribe(listener);
  // This runs when the program enters Node's own loop. A blocking step never does.
  const node = setImmediate(() => begin({ wait: 'node', pid: process.pid, thread: threadId, begin: now() }));
  if (!isMainThread) clearImmediate(node);

  function write(event: Event): void {
    unwritten.add(event);
    if (!isLight) flush();
    else if (!isDue) {
      isDue = true;
      queueMicrotask(flushDue);
    }
  }

  function flush(): void {
    const lines = Array.from(unwritten, (event) => `${JSON.stringify(event)}\n`);
    unwritten.clear();
    flushed = now();
    try {
      // The file is opened to append, so threads and processes never overwrite each other's lines.
      if (lines.length > 0) writeSync(fd, lines.join(''));
    } catch (error) {
      for (const [channel, listener] of listeners) channel.unsubscribe(listener);
      clearImmediate(node);
      process.env.TRACE = ''; // Threads and child processes that start later write no trace either.
      complain(path as string, error, ', no more of it from here on');
    }
  }
}

const [POLLIN, POLLOUT] = [1, 4];
/** What a descriptor has to be ready for, so that a call on it does not sleep. */
const readiness: Record<string, number> = { accept: POLLIN, recv: POLLIN, epoll_wait: POLLIN, send: POLLOUT };

/** Whether a call may sleep, as far as a look at its descriptor tells. */
function maySleep({ call, fd }: SystemCall): boolean {
  const events = readiness[call];
  if (events === undefined || fd === undefined) return /^(poll|io_uring_enter|Atomics\.wait)$/.test(call);
  const pollfd = Buffer.alloc(8); // struct pollfd
  pollfd.writeInt32LE(fd);
  pollfd.writeInt16LE(events, 4);
  return untracedPoll(pollfd, 1, 0) === 0;
}

const untracedPoll = libraryFunction<(fds: Uint8Array, count: number, timeout: number) => number>(
  'int poll(void *fds, unsigned long count, int timeout)',
);

type Event = SystemCall | CoroutineWait | NodeWait;

function open(path: string, anew: boolean): number {
  try {
    if (anew) openSync(path, 'w');
    return openSync(path, 'a');
  } catch (error) {
    complain(path, error);
    process.exit(1);
  }
}

function complain(path: string, error: unknown, remedy = ''): void {
  try {
    writeSync(2, `Cannot write TRACE=${path}: ${(error as NodeJS.ErrnoException).code}${remedy}\n`);
  } catch {} // stderr is closed, too.
}
