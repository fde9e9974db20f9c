// thread4: the server of single4, with a thread for each client.
//
// New since single4: serveInThread(serve, ...) in place of serve(...). Each client has a thread that sleeps in recv() for it.
//   When that thread has started, the main thread accepts the next client. (A thread loads this file anew, and finds serve()
//   by its name: so serve() is exported, and isMainThread guards what only the main thread does.)
// Try: nc localhost 12345 in three terminals. Each gets its echo at once.
// Still wrong: each client gets a thread, which takes 40 ms to start, and about 10 MB; pool4 has a limit.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { isMainThread, serveInThread } from '../parallel/thread.ts';
import type { Address, Socket } from '../sockets/socket.ts';

export function serve(client: Socket, address: Address): void {
  log(`${address} connected`);
  try {
    echo(client, address);
    log(`${address} disconnected: end of stream`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
  } finally {
    client.close();
  }
}

function echo(client: Socket, address: Address): void {
  while (true) {
    const bytes = client.recv(4096);
    if (bytes.length === 0) break;
    log(`${address} sent ${quote(bytes.toString())}`); // Wrong on purpose: may end within a character. See single6.
    client.sendAll(bytes);
  }
}

if (isMainThread) {
  const listener = listen();
  while (true) {
    const [client, address] = listener.accept();
    serveInThread(serve, client, address);
  }
}
