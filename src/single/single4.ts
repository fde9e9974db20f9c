// single4: the server of single3, in functions.
//
// New since single3: names. serve() does everything for one client, echo() sends back what the client sends, and
//   the loop at the end is the server. Users see no difference.
// Try: what you tried with single3.
// Still wrong: as in single3, the loop waits until serve(client, address) returns. In thread4, another thread calls
//   serve(), and the loop accepts the next client.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import type { Address, Socket } from '../sockets/socket.ts';

function serve(client: Socket, address: Address): void {
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

const listener = listen();
while (true) {
  const [client, address] = listener.accept();
  serve(client, address);
}
