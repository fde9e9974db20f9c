// Loaded into a step before all else: has the ring tell, in the trace, which operations are complete, as if each were a call that
// did not wait.

import { openSync, writeSync } from 'node:fs';
import { Ring } from '../../src/completion/ring.ts';
import { now, type SystemCall } from '../../src/sockets/system-call.ts';

const trace = openSync(process.env.TRACE ?? '/dev/null', 'a');

const { wait } = Ring.prototype;
Ring.prototype.wait = function () {
  const operations = wait.call(this);
  for (const { name: call, fd, result } of operations) {
    const event: SystemCall = { call, fd, pid: process.pid, thread: 0, begin: now(), took: 0, result };
    writeSync(trace, `${JSON.stringify(event)}\n`);
  }
  return operations;
};
