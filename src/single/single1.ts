// single1: echoes one user, then quits.
//
// New: a listener, a client, and the loop inside every server: receive, answer, until the stream ends.
// Try: nc localhost 12345, then type a line. Ctrl-C in nc leaves, and the server ends as well.
// Still wrong: it says nothing of what it does, and a connection that is reset ends it with a stack trace: single2
//   mends both. It is gone when a second user comes: single3.

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
