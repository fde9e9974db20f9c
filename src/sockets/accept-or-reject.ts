import { closeSync, openSync } from 'node:fs';
import { acceptAgainAfter, pauseAccepting } from './accept-failure.ts';
import type { Address, Socket, WouldBlock } from './socket.ts';

// A descriptor in reserve, given up when accept() fails with EMFILE or ENFILE.
let spare = reserve();

/**
 * Like `listener.tryAccept()`, but it rejects the next client when the process (`EMFILE`) or the system (`ENFILE`) has no
 * descriptor left. It accepts that client with a spare descriptor, and closes it. In the queue, the client would keep the
 * listener ready, and a loop that waits for readiness would never sleep again. After any other failure that passes, this
 * waits 10 ms: see {@link acceptAgainAfter}.
 *
 * @param rejected is called with the client's address and the reason
 * @returns `'would-block'` also after a rejected client or a failure that passes
 * @throws SystemError `EBADF`, `EINVAL` when the listener is closed or shut down
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

/** Accepts a client with the spare descriptor, and closes it. */
function reject(listener: Socket, rejected: (address: Address) => void): void {
  closeSync(spare as number);
  try {
    const accepted = listener.tryAccept();
    if (accepted === 'would-block') {
      pauseAccepting(); // io_uring fails with EMFILE before a client is there: without a pause, it would be asked for ever.
      return;
    }
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
    return undefined; // No descriptor is free at this moment.
  }
}
