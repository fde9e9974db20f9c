// prefork4: accept4 with processes in place of threads.
//
// New since accept4: the workers are child processes, which inherit the listener. Each runs the loop of single4; the
//   parent serves no client, and starts a new child when one dies.
// Try: nc localhost 12345 in a few terminals. lsof -nPi :12345 (or ss -tnp) names the process of each connection: kill
//   -9 one of these. Its user is cut off, the others notice nothing, and the parent starts another child.
// Still wrong: processes share no memory, so their users can't talk to each other; in thread11, with threads, they can.
//   And each process takes some 80 MB.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { inheritedListeners, supervise } from '../parallel/children.ts';
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

const [inherited] = inheritedListeners();
if (inherited === undefined) {
  const { workers, ...options } = readOptions({
    workers: { default: 4, min: 1, max: 100, help: 'how many processes' },
  });
  supervise(workers, [listen(options)]);
} else {
  while (true) {
    const [client, address] = inherited.accept();
    serve(client, address);
  }
}
