// stream11: users who talk to each other, an async function for each, on Node's own loop.
//
// New since stream10: a room, and a chat on top of the chain; and one write() for all lines of a tick, as in
//   callback11.
// Try: what you tried with generator11.
// Still wrong: the buffer of a user who does not read grows without a limit, because write() always takes the line:
//   stream12 bounds it.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { listenForChat, webOptions } from '../cli/chat-listeners.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { chain } from '../protocol/chain.ts';
import { ChatProtocol, type Framing, LocalRoom } from '../protocol/chat.ts';
import { TextProtocol } from '../protocol/text.ts';
import { BACKLOG } from '../sockets/socket.ts';
import { lingeringClose } from './lingering-close.ts';
import { remoteAddress } from './remote-address.ts';

const room = new LocalRoom();

async function serve(client: Socket, framing: Framing): Promise<void> {
  const address = remoteAddress(client);
  let closing = false;
  log(`${address} connected`);
  client.on('error', () => {}); // The awaits below throw the error. But an 'error' event without a listener ends the program.

  const unsent: Buffer[] = [];
  const flush = () => {
    if (unsent.length > 0) client.write(Buffer.concat(unsent.splice(0)));
  };
  const send = (bytes: Buffer) => {
    if (unsent.push(bytes) === 1) setImmediate(flush); // One write() for all the lines of a tick.
  };
  const transport = {
    send,
    close: () => {
      closing = true;
    },
    report: (problem: string, bytes: Buffer) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
  };
  const chat = new ChatProtocol(room, (line) => framing.deliver(line));
  const protocol = chain(transport, framing, new TextProtocol(), chat);
  protocol.opened();
  try {
    for await (const bytes of client.iterator({ destroyOnReturn: false })) {
      log(() => `${address} sent ${quote(bytes)}`);
      protocol.received(bytes);
      if (closing) break;
      if (client.writableNeedDrain) await once(client, 'drain');
    }
    if (!closing) protocol.ended();
    flush();
    lingeringClose(client); // when all is sent
    await once(client, 'close');
    log(`${address} disconnected: ${closing ? 'closed by the protocol' : 'end of stream'}`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
    client.destroy();
  }
  chat.leave();
}

for (const { listener, framing } of listenForChat(readOptions(webOptions))) {
  const server = createServer({ allowHalfOpen: true }, (client) => serve(client, framing()));
  server.listen({ fd: listener.fd }, BACKLOG);
}
