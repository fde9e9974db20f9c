// stream6: many clients, an async function for each, on Node's own loop.
//
// New since callback6: `for await` takes the bytes out of the socket as they arrive, and `once` waits for an event.
//   So there is one function again, from top to bottom, with try and catch. While it does not ask for more bytes, the
//   socket receives none.
// Try: what you tried with callback6; and compare this serve() to that of await6, or of single6.
// Still wrong: a line that never ends grows the buffer for ever, as in single6. Otherwise, this is how you would write it in
//   Node. It costs more than the loops before (see the README), and hides them.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { Splitter } from '../protocol/splitter.ts';
import { BACKLOG } from '../sockets/socket.ts';
import { remoteAddress } from './remote-address.ts';

const NEWLINE = Buffer.from('\n');

async function serve(client: Socket): Promise<void> {
  const address = remoteAddress(client);
  const splitter = new Splitter();
  log(`${address} connected`);
  client.on('error', () => {}); // The awaits below throw the error. But an 'error' event without a listener ends the program.
  try {
    // A plain `of client` would destroy the socket after the last byte, along with the answers that are not sent yet.
    for await (const bytes of client.iterator({ destroyOnReturn: false })) {
      for (const line of splitter.push(bytes)) {
        log(() => `${address} sent ${quote(line.toString())}`);
        if (!client.write(Buffer.concat([line, NEWLINE]))) await once(client, 'drain');
      }
    }
    const { unfinished } = splitter;
    if (unfinished.length > 0) log(`${address} discarded an unfinished line: ${quote(unfinished)}`);
    client.end();
    await once(client, 'close');
    log(`${address} disconnected: end of stream`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
    client.destroy();
  }
}

const server = createServer({ allowHalfOpen: true }, serve);
server.listen({ fd: listen().fd }, BACKLOG);
