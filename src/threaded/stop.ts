// What becomes of the users when a server is stopped: three ways, all with threads that sit in system calls.

import { log } from '../cli/log.ts';
import { type Address, Socket } from '../sockets/socket.ts';

/**
 * - `kill`: the kernel ends the process with all its threads, and with them all connections, at once.
 * - `join`: the server accepts no more clients, and ends when the last of its users leaves. One who stays keeps it running.
 * - `drain`: the server accepts no more clients, and ends the streams of those it has. What they have sent is still
 *   answered. A client that has not taken its answers after a few seconds is cut off.
 */
export const waysToStop = ['kill', 'join', 'drain'];

/** How long `drain` waits until it cuts off, in milliseconds. */
const GRACE = 3000;

/**
 * Stops the server in one of {@link waysToStop} on Ctrl-C (SIGINT) or SIGTERM. Node runs the handler only while the main
 * thread sits in no system call of its own. A second signal always kills.
 *
 * @param clients the descriptors of the clients that are being served, 0 for none, in memory shared by all threads
 */
export function onStop(way: string, listener: Socket, clients: Int32Array): void {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (way === 'kill' || stopping) return kill(signal);
      stopping = true;
      stopAccepting(listener);
      log(`stopping: ${way}`);
      if (way === 'join') return;
      // Each recv() returns what has arrived, and then the end of the stream, as if the user had left.
      shutdownAll(clients, 'read');
      // A send() to a client that does not read goes on waiting: this ends it.
      setTimeout(() => shutdownAll(clients, 'both'), GRACE).unref();
    });
  }
}

/** Has accept() fail in all threads. On Linux, shutdown() does that, and close() would not; on macOS it is close(). */
export function stopAccepting(listener: Socket): void {
  if (process.platform === 'darwin') listener.close();
  else listener.shutdown('both');
}

/** What the kernel does when there is no handler. tsx has one: it calls process.exit(), which waits for all threads. */
function kill(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** The next client, as by `listener.accept()`, or undefined when the server has been stopped. */
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
      // The client has left since: there is no stream to end.
    }
  }
}
