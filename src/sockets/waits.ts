// Publishes to subscribers what coroutines wait for. The loops call it.

import { tracingChannel } from 'node:diagnostics_channel';
import { threadId } from 'node:worker_threads';
import { now } from './system-call.ts';
import type { CoroutineWait } from './trace-event.ts';

/** A wait, as subscribers receive it. */
export type Suspended = {
  event: CoroutineWait;
  /** The suspended generator. For an async function there is none: it is on the stack when the wait begins. */
  generator?: object | undefined;
};

/** A loop publishes each wait here: to `start` when it begins, and the same object to `end` when it ends. */
export const waits = tracingChannel<Suspended, Suspended>('async-comparisons:wait');

/**
 * Publishes that a wait has begun, and returns a function that publishes its end, once. Call it only if
 * `waits.start.hasSubscribers`.
 */
export function publishWait(wait: CoroutineWait['wait'], fd?: number, generator?: object): () => void {
  const event: CoroutineWait = { wait, pid: process.pid, thread: threadId, begin: now() };
  if (fd !== undefined) event.fd = fd;
  const suspended: Suspended = { event, generator };
  waits.start.publish(suspended);
  return () => {
    if (event.took !== undefined) return;
    event.took = Number((now() - event.begin).toFixed(3));
    waits.end.publish(suspended);
  };
}
