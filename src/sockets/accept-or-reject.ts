import { closeSync, openSync } from 'node:fs';
import { acceptAgainAfter } from './accept-failure.ts';
import type { Address, Socket, WouldBlock } from './socket.ts';

// A descriptor in reserve, given up when accept() fails for want of one.
let spare = reserve();

/**
 * Like `listener.tryAccept()`, but when the process (`EMFILE`) or the system (`ENFILE`) has no descriptor left, the next
 * client is rejected: it gets the spare descriptor, and is closed at once. If it stayed in the listener's queue, the
 * listener would stay ready, and a loop that waits for readiness would never wait again. After any other failure that
 * passes, this waits 10 ms: see {@link acceptAgainAfter}.
 *
 * @param rejected is called with the client's address, and the reason
 * @returns `'would-block'` also when a client was rejected, or `accept()` has failed
 * @throws SystemError `EBADF`, `EINVAL` when the listener is closed, or was stopped
 */
export function acceptOrReject(
  listener: Socket,
  rejected: (address: Address, why: string) => void,
): [Socket, Address] | WouldBlock {
  spare ??= reserve();
  try {
    try {
      return listener.tryAccept();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (spare === undefined || (code !== 'EMFILE' && code !== 'ENFILE')) throw error;
      reject(listener, (address) =>
        rejected(address, `no descriptor left (${code}), ulimit -n says how many there may be`),
      );
    }
  } catch (error) {
    acceptAgainAfter(error);
  }
  return 'would-block';
}

/** Accepts with the spare descriptor, and closes. */
function reject(listener: Socket, rejected: (address: Address) => void): void {
  closeSync(spare as number);
  try {
    const accepted = listener.tryAccept();
    if (accepted === 'would-block') return;
    accepted[0].close();
    rejected(accepted[1]);
  } finally {
    spare = reserve();
  }
}

function reserve(): number | undefined {
  try {
    return openSync('/dev/null', 'r');
  } catch {
    return undefined; // There is none at this moment.
  }
}
