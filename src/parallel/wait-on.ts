import { trace } from '../sockets/system-call.ts';

/**
 * Sleeps while a number in shared memory is what it is: until another thread has changed it and calls `Atomics.notify`, or so
 * many milliseconds have passed. It is `Atomics.wait`, which waits in the kernel, with futex(2) on Linux; so a trace shows it,
 * as it shows every call that waits there.
 */
export function waitOn(
  memory: Int32Array<SharedArrayBuffer>,
  at: number,
  number: number,
  milliseconds = Number.POSITIVE_INFINITY,
): void {
  trace('Atomics.wait', () => (Atomics.wait(memory, at, number, milliseconds) === 'timed-out' ? -1 : 0));
}
