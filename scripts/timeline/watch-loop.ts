// Loaded into a step before all else: has the loop of the coroutines tell, in the trace, what they waited for.

import { openSync, writeSync } from 'node:fs';
import { Loop } from '../../src/coroutine/loop.ts';
import { now } from '../../src/sockets/system-call.ts';
import type { Wait } from './drawing/recording.ts';

const trace = openSync(process.env.TRACE ?? '/dev/null', 'a');

const { wait } = Loop.prototype;
Loop.prototype.wait = function (what, wake) {
  const [kind, socket] = what;
  if (kind === 'sleep' || kind === 'join') return wait.call(this, what, wake);
  const event: Wait = { wait: kind, fd: socket.fd, begin: now() };
  tell(event);
  return wait.call(this, what, () => {
    tell({ ...event, took: now() - event.begin });
    wake();
  });
};

function tell(event: Wait): void {
  writeSync(trace, `${JSON.stringify(event)}\n`);
}
