// What becomes of the users when a server is stopped: three ways, all with threads that sit in system calls.

import { log } from '../cli/log.ts';
import { type Address, Socket } from '../sockets/socket.ts';

/**
 * - `kill`: the kernel ends the process with all its threads, at once. That is what happens if nobody listens.
 * - `join`: nobody new is let in, and the server ends when the last of its users has left. That may take for ever.
 * - `drain`: nobody new is let in, and the users see that the server has said its last word. What they have sent is
 *   still answered. Who has not let go after a few seconds is cut off.
 */
export const waysToStop = ['kill', 'join', 'drain'];

/** How long `drain` waits until it cuts off, in milliseconds. */
const GRACE = 3000;

/**
 * Stops the server in one of {@link waysToStop} on Ctrl-C, which only a main thread hears that does not sit in a system
 * call itself. A second Ctrl-C always kills.
 *
 * @param clients the descriptors of the clients that are being served, 0 for none, in memory shared by all threads
 */
export function onStop(way: string, listener: Socket, clients: Int32Array): void {
  process.once('SIGINT', () => {
    if (way === 'kill') return kill();
    process.once('SIGINT', kill);
    stopAccepting(listener);
    log(`stopping: ${way}`);
    if (way === 'join') return;
    // Their recv() returns what has arrived, and then the end of the stream, as if the users had left.
    shutdownAll(clients, 'read');
    // That does not end a send() which waits for a user who does not read.
    setTimeout(() => shutdownAll(clients, 'both'), GRACE).unref();
  });
}

/**
 * Wakes all who sit in accept(): they fail. On Linux it takes shutdown(), since close() would leave them asleep; on macOS,
 * which shuts down no listener, close() does it.
 */
export function stopAccepting(listener: Socket): void {
  if (process.platform === 'darwin') listener.close();
  else listener.shutdown('both');
}

/** What Ctrl-C does if nobody listens. But tsx does, and then calls process.exit(), which waits for all threads. */
function kill(): void {
  process.removeAllListeners('SIGINT');
  process.kill(process.pid, 'SIGINT');
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
      // It has left just now: so much the better.
    }
  }
}
