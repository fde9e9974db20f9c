// callback6: many clients, and Node's own loop, which calls back.
//
// New since await6: no loop of ours. libuv, the library inside Node, has a loop. It waits in epoll_wait(), accepts
//   clients, receives bytes, and then calls your functions. So the server has a function for each event, as in
//   reactor6. write() takes all bytes, like the queue of select6, and returns false when its queue is longer than it
//   should be.
// Try: nc localhost 12345 in three terminals. Then strace -p "$(pgrep -nf callback6)": epoll_pwait(), accept4(),
//   read() and write(), much the same calls as before.
// Still wrong: one conversation is in five places again. If you forget the one for 'error', the first client that
//   resets ends the program. stream6 gets the one function back. And a line that never ends grows the buffer for
//   ever, as in single6.

import { createServer, type Socket } from 'node:net';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { Splitter } from '../protocol/splitter.ts';
import { BACKLOG } from '../sockets/socket.ts';
import { remoteAddress } from './remote-address.ts';

const NEWLINE = Buffer.from('\n');

function serve(client: Socket): void {
  const address = remoteAddress(client);
  const splitter = new Splitter();
  let why: unknown = 'end of stream';
  log(`${address} connected`);

  client.on('data', (bytes) => {
    try {
      for (const line of splitter.push(bytes)) {
        log(() => `${address} sent ${quote(line.toString())}`);
        // write() takes every line. False means that enough bytes wait for the kernel: read no more for now.
        if (!client.write(Buffer.concat([line, NEWLINE]))) client.pause();
      }
    } catch (error) {
      client.destroy(error as Error); // Node's loop calls this function: without a catch, the program would end.
    }
  });
  client.on('drain', () => client.resume());
  client.on('end', () => {
    const { unfinished } = splitter;
    if (unfinished.length > 0) log(`${address} discarded an unfinished line: ${quote(unfinished)}`);
    client.end(); // when all is sent
  });
  client.on('error', (error) => {
    why = error;
  });
  client.on('close', () => log(`${address} disconnected: ${why}`)); // always, and last
}

// Half open: a client that has ended its half of the connection still gets its answers.
const server = createServer({ allowHalfOpen: true }, serve);
server.listen({ fd: listen().fd }, BACKLOG); // The same listener as in other steps: Node's loop can wait for it, too.
