// single2: echoes one user, writes a log, and survives what goes wrong on the connection.
//
// New since single1: a log line for each event. For that, the server decodes the bytes as text, and catches errors: the log
//   says why a connection ended.
// Try: nc localhost 12345, and type. Then reset the connection, by leaving an answer unread:
//   bash -c 'exec 3<>/dev/tcp/localhost/12345; echo hi >&3; sleep 1'. The log ends with ECONNRESET.
// Still wrong: a character that arrives in two pieces becomes two strange ones in the log: single6 mends it. When the
//   first user leaves, the server ends: single3.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';

const listener = listen();

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
}

client.close();
listener.close();
