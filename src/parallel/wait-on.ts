import { trace } from '../sockets/system-call.ts';

/**
 * Sleeps while the shared memory holds `number` there: until another thread changes it and calls `Atomics.notify()`, or the
 * milliseconds have passed. This is `Atomics.wait()`, which sleeps in the kernel (on Linux in futex(2)), so a trace shows it like
 * any other blocking call.
 */
export function waitOn(
  memory: Int32Array<SharedArrayBuffer>,
  at: number,
  number: number,
  milliseconds = Number.POSITIVE_INFINITY,
): void {
  trace('Atomics.wait', () => (Atomics.wait(memory, at, number, milliseconds) === 'timed-out' ? -1 : 0));
}
