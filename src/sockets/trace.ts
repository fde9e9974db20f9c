// TRACE=file.jsonl before any step: which line waits, and for how long, in all threads and processes.

import { openSync, writeSync } from 'node:fs';
import { isMainThread, threadId } from 'node:worker_threads';
import { now, systemCalls } from './system-call.ts';
import type { CoroutineWait, NodeWait, SystemCall, TraceEvent } from './trace-event.ts';
import { type Suspended, waits } from './waits.ts';
import { lineOfCall, lineOfCoroutine } from './where.ts';

/**
 * Writes every system call and every wait of this thread to the file that the environment variable `TRACE` names, a JSON
 * object a line, when it begins and when it is over: see {@link TraceEvent}. Workers and child processes inherit the variable
 * and add to the same file. Does nothing when the variable is not set.
 */
export function startTrace(): void {
  const path = process.env.TRACE;
  if (!path) return;
  // The first thread of the first process starts the file anew. The workers and children that it starts find the mark.
  const first = process.env.TRACE_BEGUN !== path;
  process.env.TRACE_BEGUN = path;
  const fd = open(path, first);
  // Opened to append, so lines of several threads and processes never overwrite each other.
  const write = (event: Event) => writeSync(fd, `${JSON.stringify(event)}\n`);
  let count = 0;
  const begin = (event: Event, at?: string) =>
    write(Object.assign(event, { id: ++count, ...(at && { at }) }));
  systemCalls.start.subscribe((event) => begin(event as SystemCall, lineOfCall((event as SystemCall).call)));
  systemCalls.end.subscribe((event) => write(event as SystemCall));
  waits.start.subscribe((wait) => {
    const { event, generator } = wait as Suspended;
    begin(event, lineOfCoroutine(generator));
  });
  waits.end.subscribe((wait) => write((wait as Suspended).event));
  // If the program gets as far as Node's own loop. Most of the first chapters do not: they wait in a call.
  const enter = () => begin({ wait: 'node', pid: process.pid, thread: threadId, begin: now() });
  if (isMainThread) setImmediate(enter);
}

type Event = SystemCall | CoroutineWait | NodeWait;

function open(path: string, anew: boolean): number {
  try {
    if (anew) openSync(path, 'w');
    return openSync(path, 'a');
  } catch (error) {
    writeSync(2, `Cannot write TRACE=${path}: ${(error as NodeJS.ErrnoException).code}\n`);
    process.exit(1);
  }
}
