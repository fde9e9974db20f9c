// single3: echoes one user after the other.
//
// New since single2: a loop around it all. While the server serves one client, the kernel connects the others, and they wait
//   in the listener's queue. The server has not accepted them, and sends no answer.
// Try: nc localhost 12345 in two terminals. The second gets its echo as soon as the first leaves.
// Still wrong: while the server serves one user, all others wait, even if that user has gone for lunch. It is the same in
//   single4 to single10; thread4 and select3 are two ways out.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';

const listener = listen();

while (true) {
  const [client, address] = listener.accept();
  log(`${address} connected`);
  try {
    while (true) {
      const bytes = client.recv(4096);
      if (bytes.length === 0) break;
      log(`${address} sent ${quote(bytes.toString())}`); // Wrong on purpose: may end within a character. See single6.
      client.sendAll(bytes);
    }
    log(`${address} disconnected: end of stream`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
  } finally {
    client.close();
  }
}
