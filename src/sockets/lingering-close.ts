// The lingering close: how to close while the peer is still sending.
//
// When a socket is closed with bytes that were not read, or when bytes arrive after that, the kernel resets the connection,
// and what it still had to send is lost: RFC 1122, 4.2.2.13. So the stream is ended first, which the peer sees behind the
// last answer. What still arrives is read and discarded until the peer has ended its stream, too. Then nothing is lost.

import { READ, Selector } from './selector.ts';
import type { Socket } from './socket.ts';

/** A peer that does not end its stream is closed all the same: after so much time, or so many bytes. */
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
    // The connection is broken: the peer gets nothing more.
  } finally {
    socket.close();
  }
}
