import { closeSync, openSync } from 'node:fs';
import { SystemError } from './errors.ts';
import type { Address, Socket, WouldBlock } from './socket.ts';

// A descriptor in reserve, given up when accept() fails for want of one.
let spare: number | undefined = openSync('/dev/null', 'r');

/**
 * Like `listener.tryAccept()`, but when the process (`EMFILE`) or the system (`ENFILE`) has no descriptor left, the next
 * client is rejected: it gets the spare descriptor, and is closed at once. If it stayed in the listener's queue, the
 * listener would stay ready, and a loop that waits for readiness would never wait again.
 *
 * @param rejected is called with the client's address, and the reason
 * @returns `'would-block'` also when a client was rejected
 * @throws SystemError as `accept()` does, for any other reason
 */
export function acceptOrReject(
  listener: Socket,
  rejected: (address: Address, why: string) => void,
): [Socket, Address] | WouldBlock {
  try {
    return listener.tryAccept();
  } catch (error) {
    if (!(error instanceof SystemError) || spare === undefined) throw error;
    if (error.code !== 'EMFILE' && error.code !== 'ENFILE') throw error;
    closeSync(spare);
    spare = undefined;
    const accepted = listener.tryAccept();
    if (accepted !== 'would-block') {
      accepted[0].close();
      rejected(accepted[1], `no descriptor left (${error.code}), ulimit -n says how many there may be`);
    }
    spare = openSync('/dev/null', 'r');
    return 'would-block';
  }
}
