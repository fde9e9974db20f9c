// TRACE=file.jsonl before any step: a line per system call, like a strace that knows threads by number.

import { openSync, writeSync } from 'node:fs';
import { type SystemCall, systemCalls } from './system-call.ts';

/**
 * Writes every system call of this thread to the file that the environment variable `TRACE` names, a JSON
 * object a line, each once the call has returned: see {@link SystemCall}. Workers and child processes inherit
 * the variable and add to the same file. Does nothing when the variable is not set.
 */
export function startTrace(): void {
  const path = process.env.TRACE;
  if (!path) return;
  // The first thread of the first process starts the file anew. The workers and children that it starts find the mark.
  const first = process.env.TRACE_BEGUN !== path;
  process.env.TRACE_BEGUN = path;
  const fd = open(path, first);
  systemCalls.end.subscribe((event) => {
    // Opened to append, so lines of several threads and processes never overwrite each other.
    writeSync(fd, `${JSON.stringify(event)}\n`);
  });
}

function open(path: string, anew: boolean): number {
  try {
    if (anew) openSync(path, 'w');
    return openSync(path, 'a');
  } catch (error) {
    writeSync(2, `Cannot write TRACE=${path}: ${(error as NodeJS.ErrnoException).code}\n`);
    process.exit(1);
  }
}
