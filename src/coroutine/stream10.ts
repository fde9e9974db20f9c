// stream10: any protocol, many clients, an async function for each, on Node's own loop.
//
// New since stream6: the bytes that arrive go into a chain of protocols, the same as in single10. The chain writes
//   its answers at once; when it has returned, serve() checks whether the socket's queue is too long.
// Try: what you tried with generator10.
// Still wrong: each user talks to the server, and none to another. stream11 is a chat.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readProtocolOptions } from '../cli/protocol-options.ts';
import { buildChain } from '../protocol/protocols.ts';
import { BACKLOG } from '../sockets/socket.ts';
import { lingeringClose } from './lingering-close.ts';
import { remoteAddress } from './remote-address.ts';

const options = readProtocolOptions();

async function serve(client: Socket): Promise<void> {
  const address = remoteAddress(client);
  let closing = false;
  log(`${address} connected`);
  client.on('error', () => {}); // The awaits below throw the error. But an 'error' event without a listener ends the program.

  const protocol = buildChain(options, {
    send: (bytes) => client.write(bytes),
    close: () => {
      closing = true;
    },
    report: (problem, bytes) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
  });
  try {
    for await (const bytes of client.iterator({ destroyOnReturn: false })) {
      log(() => `${address} sent ${quote(bytes)}`);
      client.cork(); // Node sends the answers to one packet together.
      protocol.received(bytes);
      client.uncork();
      if (closing) break;
      if (client.writableNeedDrain) await once(client, 'drain');
    }
    if (!closing) protocol.ended();
    lingeringClose(client); // when all is sent
    await once(client, 'close');
    log(`${address} disconnected: ${closing ? 'closed by the protocol' : 'end of stream'}`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
    client.destroy();
  }
}

const server = createServer({ allowHalfOpen: true }, serve);
server.listen({ fd: listen(options).fd }, BACKLOG);
