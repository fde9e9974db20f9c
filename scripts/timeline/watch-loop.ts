// Loaded into a step before all else: has the loop of the coroutines tell, in the trace, who waits for what.

import { openSync, writeSync } from 'node:fs';
import { Loop } from '../../src/coroutine/loop.ts';
import { now } from '../../src/sockets/system-call.ts';

/** That a coroutine has begun to wait until a socket can be read or written, or has been woken because it can. */
export type CoroutineEvent = { coroutine: 'waits' | 'wakes'; what: 'read' | 'write'; fd: number; at: number };

const trace = openSync(process.env.TRACE ?? '/dev/null', 'a');

function tell(event: CoroutineEvent): void {
  writeSync(trace, `${JSON.stringify(event)}\n`);
}

const { wait } = Loop.prototype;
Loop.prototype.wait = function (what, wake) {
  const [kind, socket] = what;
  if (kind === 'sleep') {
    wait.call(this, what, wake);
    return;
  }
  const { fd } = socket;
  tell({ coroutine: 'waits', what: kind, fd, at: now() });
  wait.call(this, what, () => {
    tell({ coroutine: 'wakes', what: kind, fd, at: now() });
    wake();
  });
};
