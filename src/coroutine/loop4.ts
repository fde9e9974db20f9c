// loop4: a generator for each client, and a loop that asks the kernel which of them can go on.
//
// New since generator4: a coroutine yields what it waits for: ['read', client] or ['write', client]. The loop at the
//   end waits in select() for all these sockets at once, and resumes the coroutines whose sockets are ready. So no
//   coroutine makes a call that blocks. This is the whole idea of the chapter, in one file.
// Try: nc localhost 12345 in three terminals: each gets its echo at once. Then strace -p "$(pgrep -nf loop4)": while
//   all clients are silent, the thread sits in epoll_wait(), and only there.
// Still wrong: each wait is three system calls: one registers the socket, one waits, one unregisters it. And a
//   coroutine can wait for a socket, but not for a time. loop.ts does better; generator6 imports it, and adds lines.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { READ, Selector, WRITE } from '../sockets/selector.ts';
import type { Address, Socket } from '../sockets/socket.ts';

type Wait = ['read' | 'write', Socket];
type Coroutine = Generator<Wait, void, void>;

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
  client.setBlocking(false); // send() sends what the kernel has room for, and does not wait for more room.
  while (true) {
    yield ['read', client];
    const bytes = client.recv(4096);
    if (bytes.length === 0) break;
    log(`${address} sent ${quote(bytes.toString())}`); // Wrong on purpose: may end within a character. See single6.
    for (let sent = 0; sent < bytes.length; ) {
      yield ['write', client];
      sent += client.send(bytes.subarray(sent));
    }
  }
}

function* acceptAll(listener: Socket): Coroutine {
  listener.setBlocking(false);
  while (true) {
    yield ['read', listener];
    const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
    if (accepted !== 'would-block') run(serve(...accepted));
  }
}

const selector = new Selector<Coroutine>();

/** Runs a coroutine to its next yield, and registers what it waits for. */
function run(coroutine: Coroutine): void {
  const { done, value } = coroutine.next();
  if (done) return;
  const [what, socket] = value;
  selector.register(socket, what === 'read' ? READ : WRITE, coroutine);
}

run(acceptAll(listen()));
while (true) {
  for (const key of selector.select()) {
    selector.unregister(key);
    run(key.data);
  }
}
