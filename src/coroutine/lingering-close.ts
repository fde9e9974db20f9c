import type { Socket } from 'node:net';
import { LINGER } from '../sockets/lingering-close.ts';

/**
 * Ends the stream when all is sent, discards bytes that still arrive, and closes when the client has ended its stream, too, or
 * after two seconds. To destroy the socket at once would lose answers: see lingering-close.ts in src/sockets.
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
