/**
 * Ends the program by a signal, as if it had no handler for it: the kernel ends the process at once, with all threads. The
 * handler of tsx would call process.exit(), which waits for threads that sleep in system calls.
 */
export function endBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
