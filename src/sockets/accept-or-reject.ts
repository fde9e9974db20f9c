import { closeSync, openSync } from 'node:fs';
import { SystemError } from './errors.ts';
import type { Address, Socket, WouldBlock } from './socket.ts';

// Kept for the day on which there is no other left.
let spare: number | undefined = openSync('/dev/null', 'r');

/**
 * Like `listener.tryAccept()`, but when the process (`EMFILE`) or the system (`ENFILE`) has no descriptor left, whoever
 * is next in the queue is turned away: accepted on a descriptor kept for that, and closed at once. If it were left in
 * the queue, the listener would stay ready, and a loop that waits for readiness would turn round and round.
 *
 * @param rejected is told who it was, and why
 * @returns also `'would-block'` when somebody was turned away
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
