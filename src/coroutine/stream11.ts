// stream11: users who talk to each other, an async function for each, on Node's own loop.
//
// New since stream10: a room, and a chat on top of the chain, and one write() for the lines of a tick, as
//   in callback11.
// Try: what you tried with generator11.
// Still wrong: the buffer of a user who does not read grows without a limit, because write() always takes the line:
//   nothing here bounds it yet.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { chain } from '../protocol/chain.ts';
import { ChatProtocol, LocalRoom } from '../protocol/chat.ts';
import { LineProtocol } from '../protocol/lines.ts';
import { TextProtocol } from '../protocol/text.ts';
import { BACKLOG } from '../sockets/socket.ts';
import { lingeringClose } from './lingering-close.ts';
import { remoteAddress } from './remote-address.ts';

const room = new LocalRoom();

async function serve(client: Socket): Promise<void> {
  const address = remoteAddress(client);
  let closing = false;
  log(`${address} connected`);
  client.on('error', () => {}); // The awaits below throw it. But an 'error' event without a listener ends the program.

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
  const chat = new ChatProtocol(room, send);
  const protocol = chain(transport, new LineProtocol(), new TextProtocol(), chat);
  chat.enter();
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

const server = createServer({ allowHalfOpen: true }, serve);
server.listen({ fd: listen().fd }, BACKLOG);
