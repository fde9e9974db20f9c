// Loaded into a step before all else: has the loop of the coroutines tell, in the trace, what they waited for.

import { openSync, writeSync } from 'node:fs';
import { Loop } from '../../src/coroutine/loop.ts';
import { now } from '../../src/sockets/system-call.ts';
import type { Wait } from './drawing/recording.ts';

const trace = openSync(process.env.TRACE ?? '/dev/null', 'a');

const { wait } = Loop.prototype;
Loop.prototype.wait = function (what, wake) {
  const [kind, socket] = what;
  if (kind === 'sleep') {
    wait.call(this, what, wake);
    return;
  }
  const { fd } = socket;
  const begin = now();
  wait.call(this, what, () => {
    const event: Wait = { wait: kind, fd, begin, took: now() - begin };
    writeSync(trace, `${JSON.stringify(event)}\n`);
    wake();
  });
};
