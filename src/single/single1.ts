// single1: echoes one user, then quits.
//
// New: a listener, a client, and the loop inside every server: receive, answer, until the stream ends.
// Try: nc localhost 12345, then type a line. Ctrl-C ends nc, and the server ends as well.
// Still wrong: the server logs nothing, and a reset of the connection ends it with a stack trace: single2 mends both.
//   It serves no second user: single3.

import { listen } from '../cli/listen.ts';

const listener = listen();

const [client] = listener.accept(); // sleeps in the kernel until a client connects
while (true) {
  const bytes = client.recv(4096); // sleeps until something arrives
  if (bytes.length === 0) break; // the end of the stream: the user has left
  client.sendAll(bytes);
}

client.close();
listener.close();
