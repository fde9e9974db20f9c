// Loaded before a step: adds each complete operation of the ring to the trace, as if it were a call that did not wait.

import { openSync, writeSync } from 'node:fs';
import { Ring } from '../../src/completion/ring.ts';
import { now } from '../../src/sockets/system-call.ts';
import type { TraceEvent } from '../../src/sockets/trace-event.ts';

const trace = openSync(process.env.TRACE ?? '/dev/null', 'a');

let count = 0;

const { wait } = Ring.prototype;
Ring.prototype.wait = function () {
  const operations = wait.call(this);
  const lines = operations.map(({ name: call, fd, result }) => {
    const id = --count; // The calls count upwards.
    const event: TraceEvent = { id, call, fd, pid: process.pid, thread: 0, begin: now(), took: 0, result };
    return `${JSON.stringify(event)}\n`;
  });
  writeSync(trace, lines.join(''));
  return operations;
};
