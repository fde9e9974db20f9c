// callback11: users who talk to each other, and Node's own loop, which calls back.
//
// New since callback10: a room, and a chat on top of the chain. What is said to somebody is written at once, but corked: Node
//   keeps it, until the loop comes to setImmediate(), at the end of the turn, and then sends all of it together.
// Try: what you tried with generator11.
// Still wrong: what a user does not read grows without a limit, because write() always takes it, and nothing here
//   bounds it yet.

import { createServer, type Socket } from 'node:net';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { chain } from '../protocol/chain.ts';
import { ChatProtocol, LocalRoom } from '../protocol/chat.ts';
import { LineProtocol } from '../protocol/lines.ts';
import { TextProtocol } from '../protocol/text.ts';
import { BACKLOG } from '../sockets/socket.ts';

const room = new LocalRoom();

function serve(client: Socket): void {
  const address = client.remoteAddress ? `${client.remoteAddress}:${client.remotePort}` : 'somebody';
  let why: unknown = 'end of stream';
  log(`${address} connected`);

  const send = (bytes: Buffer) => {
    if (client.writableCorked === 0) {
      client.cork(); // What is said to somebody in one turn of the loop is sent as one.
      setImmediate(() => client.uncork());
    }
    client.write(bytes);
  };
  const transport = {
    send,
    close: () => {
      why = 'closed by the protocol';
      client.destroySoon(); // when all is sent
    },
    report: (problem: string, bytes: Buffer) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
  };
  const chat = new ChatProtocol(room, send);
  const protocol = chain(transport, new LineProtocol(), new TextProtocol(), chat);
  chat.enter();

  client.on('data', (bytes) => {
    log(() => `${address} sent ${quote(bytes)}`);
    protocol.received(bytes);
    if (client.writableNeedDrain) client.pause(); // Who does not listen is not heard either.
  });
  client.on('drain', () => client.resume());
  client.on('end', () => {
    protocol.ended();
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

const server = createServer({ allowHalfOpen: true }, serve);
server.listen({ fd: listen().fd, backlog: BACKLOG });
