import type { Socket } from 'node:net';
import { LINGER } from '../sockets/lingering-close.ts';

/**
 * Ends the stream when all is sent, discards bytes that still arrive, and closes when the client has ended its stream, or after
 * two seconds. If it destroyed the socket at once, answers would be lost: see lingering-close.ts in src/sockets.
 */
export function lingeringClose(client: Socket): void {
  client.removeAllListeners('data').removeAllListeners('end').pause();
  client.end(() => {
    const timer = setTimeout(() => client.destroy(), LINGER.milliseconds);
    client.on('close', () => clearTimeout(timer));
    let left = LINGER.bytes;
    client.on('data', ({ length }) => {
      left -= length;
      if (left <= 0) client.destroy();
    });
    client.resume();
  });
}
