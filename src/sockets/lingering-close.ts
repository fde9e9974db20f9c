// The lingering close: how to close while the peer is still sending.
//
// If you close a socket with unread bytes, or if bytes arrive after close(), the kernel resets the connection, and drops what it
// still had to send: RFC 1122, 4.2.2.13. So the lingering close ends the stream first, with shutdown(): the peer receives
// every answer, and then the end. Then it reads and discards bytes until the peer has ended its stream, too. Nothing is lost.

import { READ, Selector } from './selector.ts';
import type { Socket } from './socket.ts';

/** If the peer does not end its stream, the socket is closed after so much time, or so many bytes. */
export const LINGER = { milliseconds: 2000, bytes: 16 * 1024 * 1024 };

/** The lingering close of a blocking socket. Waits for the peer, within {@link LINGER}. */
export function lingeringClose(socket: Socket): void {
  const deadline = performance.now() + LINGER.milliseconds;
  try {
    socket.shutdown('write');
    const selector = new Selector('poll');
    selector.register(socket, READ, undefined);
    for (let left = LINGER.bytes; left > 0; ) {
      if (selector.select(Math.max(0, deadline - performance.now())).length === 0) break;
      const { length } = socket.recv(16 * 1024);
      if (length === 0) break;
      left -= length;
    }
  } catch {
    // The connection is broken: the peer receives nothing more.
  } finally {
    socket.close();
  }
}
