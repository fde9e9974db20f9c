// TRACE=file.jsonl before any step: a line per system call, like a strace that knows threads by number.

import { openSync, writeSync } from 'node:fs';
import { type SystemCall, systemCalls } from './system-call.ts';

/**
 * Writes every system call of this thread to the file that the environment variable `TRACE` names, a JSON
 * object a line, each once the call has returned: see {@link SystemCall}. Workers and child processes inherit
 * the variable and add to the same file. Does nothing when the variable is not set. When the disk is full, the trace ends
 * there, and the program goes on.
 */
export function startTrace(): void {
  const path = process.env.TRACE;
  if (!path) return;
  // The first thread of the first process starts the file anew. The workers and children that it starts find the mark.
  const first = process.env.TRACE_BEGUN !== path;
  process.env.TRACE_BEGUN = path;
  const fd = open(path, first);
  const write = (event: unknown): void => {
    try {
      // Opened to append, so lines of several threads and processes never overwrite each other.
      writeSync(fd, `${JSON.stringify(event)}\n`);
    } catch (error) {
      systemCalls.end.unsubscribe(write);
      process.env.TRACE = ''; // Threads and child processes that start from now on write no trace either.
      complain(path, error, ', no more of it from here on');
    }
  };
  systemCalls.end.subscribe(write);
}

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
  } catch {} // The reader of stderr has gone, too.
}
