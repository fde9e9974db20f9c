// select3: many clients, one thread, and a Selector.
//
// New since poll3: a Selector keeps the set of sockets, and returns those that are ready. What a blocking server has in
//   local variables, such as the address, is in a state for each client, because between two of its messages there
//   may be those of all the others.
// Try: nc localhost 12345 in three terminals. Then strace -p "$(pgrep -nf select3)": while nobody says anything, it sits in
//   epoll_wait(). And with --quiet, count what comes back to somebody who is slow to read: yes 'the quick brown fox' |
//   head -n 1000000 | nc -N localhost 12345 | (sleep 5; wc -l). It is not a million.
// Still wrong: send(). The kernel may take only a part of the bytes, or none, when a client does not read. There are two
//   ways to get that wrong: to wait, so that everybody waits, or not to care, so that bytes are lost. This is the
//   second. select6 keeps what is left.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Key, READ, Selector } from '../sockets/selector.ts';
import { type Address, pin, type Socket } from '../sockets/socket.ts';

const { selector: mechanism, ...options } = readOptions({ selector: selectorOption });

/** What is to be remembered of a client from one message to the next. The listener has no such state. */
type State = { address: Address };

const selector = new Selector<State | undefined>(mechanism);
const memory = pin(64 * 1024); // One for all: what is in it is sent before the next client is looked at.

function accept(listener: Socket): void {
  const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
  if (accepted === 'would-block') return; // It has left again, between select() and here.
  const [client, address] = accepted;
  client.setBlocking(false);
  selector.register(client, READ, { address });
  log(`${address} connected`);
}

function serve(key: Key<State | undefined>): void {
  const { address } = key.data as State;
  try {
    const count = key.socket.tryRecvInto(memory);
    if (count === 'would-block') return;
    if (count > 0) {
      log(() => `${address} sent ${quote(memory.bytes.toString('utf8', 0, count))}`);
      key.socket.trySendFrom(memory, 0, count); // Wrong on purpose: what the kernel does not take is lost. See select6.
      return;
    }
    log(`${address} disconnected: end of stream`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
  }
  selector.unregister(key);
  key.socket.close();
}

const listener = listen(options);
listener.setBlocking(false);
selector.register(listener, READ, undefined);
while (true) {
  for (const key of selector.select()) {
    if (key.socket === listener) accept(listener);
    else serve(key);
  }
}
