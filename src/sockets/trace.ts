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
 * the same file. Does nothing without the variable. When the disk is full, the trace ends and the program
 * goes on. With `TRACE_LINES=no`, no event has its `at`: looking for lines takes most of the time that a trace takes.
 */
export function startTrace(): void {
  const path = process.env.TRACE;
  if (!path) return;
  // The first thread of the first process empties the file, and sets TRACE_BEGUN. Its workers and children inherit that.
  const first = process.env.TRACE_BEGUN !== path;
  process.env.TRACE_BEGUN = path;
  const fd = open(path, first);
  const hasLines = process.env.TRACE_LINES !== 'no';
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
      if (mayWait(selecting as SystemCall)) locate();
      else lookSoon();
    });
  };
  const listeners: [Channel, (message: unknown) => void][] = [
    [
      systemCalls.start,
      (message) => {
        const event = message as SystemCall;
        if (event.call === 'epoll_wait' || event.call === 'poll') selecting = event;
        if (suspended.size > 0 && mayWait(event)) locate();
        begin(event, hasLines ? lineOfCall(event.call) : undefined);
      },
    ],
    [systemCalls.end, (event) => write(event as SystemCall)],
    [
      waits.start,
      (message) => {
        const wait = message as Suspended;
        if (!hasLines) begin(wait.event);
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
    try {
      // The file is opened to append, so threads and processes never overwrite each other's lines.
      writeSync(fd, `${JSON.stringify(event)}\n`);
    } catch (error) {
      for (const [channel, listener] of listeners) channel.unsubscribe(listener);
      clearImmediate(node);
      process.env.TRACE = ''; // Threads and child processes that start later write no trace either.
      complain(path as string, error, ', no more of it from here on');
    }
  }
}

/** Whether a call of the loop may sleep: epoll_wait() with no descriptor ready, or poll(). */
function mayWait({ call, fd }: SystemCall): boolean {
  if (call === 'poll') return true;
  if (call !== 'epoll_wait' || fd === undefined) return false;
  const pollfd = Buffer.alloc(8); // struct pollfd
  pollfd.writeInt32LE(fd);
  pollfd.writeInt16LE(POLLIN, 4);
  return untracedPoll(pollfd, 1, 0) === 0;
}

const POLLIN = 1;
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
