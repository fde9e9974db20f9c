// callback11: users who talk to each other, and Node's own loop, which calls back.
//
// New since callback10: a room, and a chat on top of the chain. The server collects the lines for a user. At the end of
//   the tick, a callback of setImmediate() writes them as one buffer. (cork() would keep each line as a piece of its
//   own, and libuv sends only 1,024 pieces a turn: the lines of a user who never stops would arrive late.)
// Try: what you tried with generator11.
// Still wrong: the buffer of a user who does not read grows without a limit, because write() always takes the line:
//   stream12 bounds it.

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

function serve(client: Socket, framing: Framing): void {
  const address = remoteAddress(client);
  let why: unknown = 'end of stream';
  log(`${address} connected`);

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
      why = 'closed by the protocol';
      flush();
      lingeringClose(client); // when all is sent
    },
    report: (problem: string, bytes: Buffer) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
  };
  const chat = new ChatProtocol(room, (line) => framing.deliver(line));
  const protocol = chain(transport, framing, new TextProtocol(), chat);
  protocol.opened();

  client.on('data', (bytes) => {
    try {
      log(() => `${address} sent ${quote(bytes)}`);
      protocol.received(bytes);
      if (client.writableNeedDrain) client.pause(); // The server reads nothing from a user who does not read.
    } catch (error) {
      client.destroy(error as Error);
    }
  });
  client.on('drain', () => client.resume());
  client.on('end', () => {
    protocol.ended();
    flush();
    client.end();
  });
  client.on('error', (error) => {
    why = error;
  });
  client.on('close', () => {
    log(`${address} disconnected: ${why}`);
    chat.leave();
  });
}

for (const { listener, framing } of listenForChat(readOptions(webOptions))) {
  const server = createServer({ allowHalfOpen: true }, (client) => serve(client, framing()));
  server.listen({ fd: listener.fd }, BACKLOG);
}
