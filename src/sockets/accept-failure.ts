import type { SystemError } from './errors.ts';
import { trace } from './system-call.ts';

/** Errors that last: the listener is closed or shut down, or the descriptor is no listener. All others of accept() pass. */
const lasting = ['EBADF', 'EINVAL', 'ENOTSOCK', 'EOPNOTSUPP', 'EAGAIN'];

/** How long to wait before the next accept(), in milliseconds. It is short: a loop that waits serves no client meanwhile. */
const PAUSE = 10;
/** While accept() keeps failing, one failure in so many milliseconds is reported. */
const BETWEEN_REPORTS = 1000;

let report = (_error: SystemError): void => {};
let reported = Number.NEGATIVE_INFINITY;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** Sets the function that {@link acceptAgainAfter} reports a failure to. src/cli/listen.ts writes it to the log. */
export function onAcceptFailure(callback: (error: SystemError) => void): void {
  report = callback;
}

/**
 * Waits 10 ms after an `accept()` that failed, so that you can call it again. The kernel may have had no memory or descriptor
 * left, or a firewall refused one client: neither is a reason to end the server.
 *
 * @throws the error itself, if it lasts
 * @see accept(2), section Errors
 */
export function acceptAgainAfter(error: unknown): void {
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (syscall !== 'accept' || lasting.includes(code)) throw error;
  if (performance.now() - reported > BETWEEN_REPORTS) {
    reported = performance.now();
    report(error as SystemError);
  }
  pauseAccepting();
}

/** Waits 10 ms. */
export function pauseAccepting(): void {
  trace('Atomics.wait', () => (Atomics.wait(pause, 0, 0, PAUSE) === 'timed-out' ? -1 : 0));
}
