// Loaded before a step: adds to the trace when Node calls JavaScript, and for which connection. JavaScript can't see what libuv
// does between two callbacks.

import { createHook } from 'node:async_hooks';
import { openSync, writeSync } from 'node:fs';
import { now } from '../../src/sockets/system-call.ts';
import type { Callback } from './drawing/recording.ts';

const trace = openSync(process.env.TRACE ?? '/dev/null', 'a');
const connections = new Map<number, { bytesRead: number }>();
let depth = 0;
let begin = 0;

function tell(event: Callback): void {
  writeSync(trace, `${JSON.stringify(event)}\n`);
}

createHook({
  init(id, type, _trigger, resource) {
    if (type !== 'TCPWRAP') return;
    connections.set(id, resource as { bytesRead: number });
    tell({ callback: 'accepted', connection: id, received: 0, begin: now(), took: 0 });
  },
  before() {
    if (depth++ === 0) begin = now();
  },
  after(id) {
    if (--depth > 0) return;
    const connection = connections.get(id);
    const about = connection && { connection: id, received: connection.bytesRead };
    tell({ callback: 'called', ...about, begin, took: now() - begin });
  },
  destroy(id) {
    connections.delete(id);
  },
}).enable();
