// generator4: a generator for each client, and a queue in which they take turns.
//
// New since single4: serve(), echo() and the loop around accept() are generators. Before each call that may block
//   stands a `yield`, which suspends the function where it is. The loop at the end takes one after the other out of the
//   queue, runs it up to its next yield, and puts it at the end again.
// Try: nc localhost 12345 in a terminal, and type hello. There is no answer. Connect from a second terminal: now the
//   log shows the hello, and there still is none. Connect from a third: there it is.
// Still wrong: whoever has the turn makes a call that waits, for a new client in accept(), for this one in recv(), and all
//   the others wait with it. A yield gives everybody a turn, but nobody knows whose turn would be of use: generator6
//   asks.

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
  }
  client.close();
}

function* echo(client: Socket, address: Address): Coroutine {
  while (true) {
    yield;
    const bytes = client.recv(4096); // Wrong on purpose: it is this client's turn, but has it said anything?
    if (bytes.length === 0) break;
    log(`${address} sent ${quote(bytes.toString())}`); // Wrong on purpose: these bytes may end within a character. See single6.
    yield;
    client.sendAll(bytes);
  }
}

function* acceptAll(listener: Socket): Coroutine {
  while (true) {
    yield;
    const [client, address] = listener.accept(); // Wrong on purpose: everybody waits for the next. See generator6.
    queue.push(serve(client, address));
  }
}

const queue = [acceptAll(listen())];
while (true) {
  const coroutine = queue.shift();
  if (!coroutine?.next().done) queue.push(coroutine as Coroutine);
}
