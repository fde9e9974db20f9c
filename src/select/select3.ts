// select3: many clients, one thread, and a Selector.
//
// New since poll3: a Selector keeps the set of sockets, and returns those that are ready. Between two messages of one client
//   the loop serves others. So the address, in single3 a local variable, is in a state for each client. And no call on a
//   client blocks: if it would have to wait, it returns 'would-block'.
// Try: nc localhost 12345 in three terminals. Then strace -p "$(pgrep -nf select3)": while all clients are silent,
//   the thread sits in epoll_wait(). And with --quiet, send 20 MB, read after four seconds, and count the
//   lines that come back:
//   bash -c 'exec 3<>/dev/tcp/localhost/12345; yes "the quick brown fox" | head -n 1000000 >&3; timeout 4 cat <&3 | wc -l'
//   It is not a million lines.
// Still wrong: send(). When a client does not read, the kernel takes a part of the bytes, or none. poll3 waits then,
//   and all clients with it. select3 does not wait, and the rest is lost. select6 keeps the rest.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Key, READ, Selector } from '../sockets/selector.ts';
import type { Address, Socket } from '../sockets/socket.ts';

const { selector: mechanism, ...options } = readOptions({ selector: selectorOption });

/** What the server remembers of a client between two messages. The listener has no state. */
type State = { address: Address };

const selector = new Selector<State | undefined>(mechanism);

function accept(listener: Socket): void {
  const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
  if (accepted === 'would-block') return;
  const [client, address] = accepted;
  client.setBlocking(false);
  selector.register(client, READ, { address });
  log(`${address} connected`);
}

function serve(key: Key<State | undefined>): void {
  const { address } = key.data as State;
  try {
    const bytes = key.socket.tryRecv(4096);
    if (bytes === 'would-block') return;
    if (bytes.length > 0) {
      log(() => `${address} sent ${quote(bytes.toString())}`); // A function: with --quiet, log() never calls it.
      key.socket.trySend(bytes); // Wrong on purpose: the bytes that the kernel does not take are lost. See select6.
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
