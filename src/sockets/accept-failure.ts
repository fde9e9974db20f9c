import type { SystemError } from './errors.ts';
import { trace } from './system-call.ts';

/** These last: the listener is closed or was stopped, or is none. All other failures of accept() pass. */
const lasting = ['EBADF', 'EINVAL', 'ENOTSOCK', 'EOPNOTSUPP', 'EAGAIN'];

/** How long to wait before the next accept(), in milliseconds: a loop that waits serves no client meanwhile. */
const PAUSE = 10;
/** While accept() goes on failing, it is told once in so many milliseconds. */
const BETWEEN_REPORTS = 1000;

let report = (_error: SystemError): void => {};
let reported = Number.NEGATIVE_INFINITY;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** Sets a function for {@link acceptAgainAfter} to call with a failure: the command line of a step writes it to the log. */
export function onAcceptFailure(callback: (error: SystemError) => void): void {
  report = callback;
}

/**
 * Waits a moment, so that `accept()` can be called again. It may fail because the kernel has no memory or no descriptor left,
 * or because a firewall or the network refuses one client: neither is a reason to end the server.
 *
 * @throws the error itself if it lasts
 * @see accept(2), section Errors
 */
export function acceptAgainAfter(error: unknown): void {
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (syscall !== 'accept' || lasting.includes(code)) throw error;
  if (performance.now() - reported > BETWEEN_REPORTS) {
    reported = performance.now();
    report(error as SystemError);
  }
  trace('Atomics.wait', () => (Atomics.wait(pause, 0, 0, PAUSE) === 'timed-out' ? -1 : 0));
}
