// ring3: many clients, one thread, and a kernel that does the work.
//
// New since select3: a Ring. In select3, select() returns when a call would not block, and then the server makes the call.
//   Here the server submits an operation, and wait() returns it when the kernel has completed it. In between the operation
//   is in flight, and its memory belongs to the kernel. So each client has memory of its own, and one operation in flight,
//   a recv or a send, in turns.
// Try: nc localhost 12345 in three terminals. Then strace -p "$(pgrep -nf ring3)": whatever the clients do, there is no
//   accept, no recv, and no send, only io_uring_enter(). Then with --quiet, send 20 MB, read after four seconds, and
//   count the lines that come back: yes "the quick brown fox" | head -n 1000000 | nc -N localhost 12345 | (sleep 4; wc -l)
//   It is a million lines. With select3 it is not.
// Still wrong: one recv may receive half a line, or three lines. ring6 answers lines.

import { orFail } from '../cli/fail.ts';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Pinned, pin } from '../sockets/memory.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { type Operation, Ring } from './ring.ts';

const options = readOptions();

/** What the server keeps of a client between two operations. The listener has no state. */
type State = { socket: Socket; address: Address; memory: Pinned };

const ring = orFail(() => new Ring<State | undefined>());

function accept(operation: Operation<State | undefined>): void {
  // The kernel has accepted a client. If it could not, for want of a descriptor, acceptOrReject() turns one away.
  const accepted =
    operation.result >= 0
      ? operation.accepted()
      : acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
  ring.accept(listener, undefined);
  if (accepted === 'would-block') return;
  const [socket, address] = accepted;
  const memory = pin(4096);
  ring.recv(socket, memory, { socket, address, memory });
  log(`${address} connected`);
}

function serve(operation: Operation<State | undefined>): void {
  const { socket, address, memory } = operation.data as State;
  if (operation.error || operation.result === 0) {
    log(`${address} disconnected: ${operation.error ?? 'end of stream'}`);
    socket.close(); // Nothing of this client is in flight.
  } else if (operation.name === 'recv') {
    log(() => `${address} sent ${quote(memory.bytes.toString('utf8', 0, operation.result))}`);
    ring.send(socket, memory, operation.result, operation.data); // The kernel sends all of it, however long that takes.
  } else {
    ring.recv(socket, memory, operation.data); // The bytes are sent: the memory is free.
  }
}

const listener = listen(options);
listener.setBlocking(false);
ring.accept(listener, undefined);
while (true) {
  for (const operation of ring.wait()) {
    if (operation.name === 'accept') accept(operation);
    else serve(operation);
  }
}
