// generator4: a generator for each client, and a queue in which they take turns.
//
// New since single4: serve(), echo() and the loop around accept() are generators. A `yield` before each call that may
//   block suspends the function there. The loop at the end takes the first generator out of the queue, runs it to its
//   next yield, and puts it at the end of the queue again.
// Try: nc localhost 12345 in a terminal, and type hello. There is no answer. Connect from a second terminal: now the
//   log shows the hello, and still there is no answer. Connect from a third: there it is.
// Still wrong: the generator that has its turn blocks in accept() or in recv(), and all the others wait with it. The
//   queue does not know which of them can go on: loop4 asks the kernel.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import type { Address, Socket } from '../sockets/socket.ts';

type Coroutine = Generator<void, void, void>;

function* serve(client: Socket, address: Address): Coroutine {
  log(`${address} connected`);
  try {
    yield* echo(client, address);
    log(`${address} disconnected: end of stream`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
  } finally {
    client.close();
  }
}

function* echo(client: Socket, address: Address): Coroutine {
  while (true) {
    yield;
    const bytes = client.recv(4096); // Wrong on purpose: blocks, if this client has sent nothing. See loop4.
    if (bytes.length === 0) break;
    log(`${address} sent ${quote(bytes.toString())}`); // Wrong on purpose: may end within a character. See single6.
    yield;
    client.sendAll(bytes);
  }
}

function* acceptAll(listener: Socket): Coroutine {
  while (true) {
    yield;
    const [client, address] = listener.accept(); // Wrong on purpose: blocks until a client connects. See loop4.
    queue.push(serve(client, address));
  }
}

const queue = [acceptAll(listen())];
while (true) {
  const coroutine = queue.shift();
  if (!coroutine?.next().done) queue.push(coroutine as Coroutine);
}
