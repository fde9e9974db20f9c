// Three ways to stop a server whose threads sleep in system calls.

import { endBy } from '../cli/end-by.ts';
import { log } from '../cli/log.ts';
import { type Address, Socket } from '../sockets/socket.ts';

/**
 * - `kill`: the kernel ends the process at once, with all threads and all connections.
 * - `join`: the server accepts no more clients, and ends when the last user leaves. A user who stays keeps it running.
 * - `drain`: the server accepts no more clients, answers what they have sent, and ends their streams. After a few seconds it
 *   cuts off clients that have not read their answers.
 */
export const waysToStop = ['kill', 'join', 'drain'];

/** After how many milliseconds `drain` cuts clients off. */
const GRACE = 3000;

/**
 * Stops the server in one of {@link waysToStop} on Ctrl-C (SIGINT) or SIGTERM. Node can run the handler only while the main
 * thread's event loop turns, not while that thread blocks in a call of the step. A second signal always kills.
 *
 * @param clients the descriptor of each thread's client, 0 for none, in memory that all threads share
 */
export function onStop(way: string, listener: Socket, clients: Int32Array): void {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (way === 'kill' || stopping) return endBy(signal);
      stopping = true;
      stopAccepting(listener);
      log(`stopping: ${way}`);
      if (way === 'join') return;
      // Each recv() returns what has arrived, and then the end of the stream, as if the user had left.
      shutdownAll(clients, 'read');
      // A send() to a client that does not read goes on sleeping: this makes it fail.
      setTimeout(() => shutdownAll(clients, 'both'), GRACE).unref();
    });
  }
}

/** Makes accept() fail in all threads. On Linux, shutdown() does that, and close() does not; on macOS, close() does. */
export function stopAccepting(listener: Socket): void {
  if (process.platform === 'darwin') listener.close();
  else listener.shutdown('both');
}

/** Returns the next client, as `listener.accept()` does, or undefined after {@link stopAccepting}. */
export function acceptUntilStopped(listener: Socket): [Socket, Address] | undefined {
  try {
    return listener.accept();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EINVAL' || code === 'EBADF') return undefined;
    throw error;
  }
}

function shutdownAll(clients: Int32Array, how: 'read' | 'both'): void {
  for (const fd of clients) {
    try {
      if (fd > 0) new Socket(fd).shutdown(how);
    } catch {
      // The client has left: there is no stream to end.
    }
  }
}
