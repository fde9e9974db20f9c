// stream10: any protocol, many clients, an async function for each, on Node's own loop.
//
// New since stream6: what arrives goes into a chain of protocols, the same as in single10. The chain writes whenever it has
//   something to say; whether that is too much is looked at when it has returned.
// Try: what you tried with generator10.
// Still wrong: each of the users talks to the server, and none to another. stream11 is a chat.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { protocolOptions } from '../cli/protocol-options.ts';
import { buildChain } from '../protocol/protocols.ts';
import { BACKLOG } from '../sockets/socket.ts';

const options = readOptions(protocolOptions);

async function serve(client: Socket): Promise<void> {
  const address = client.remoteAddress ? `${client.remoteAddress}:${client.remotePort}` : 'somebody';
  let closing = false;
  log(`${address} connected`);
  client.on('error', () => {}); // Whatever is awaited below throws it. But if nobody listened, it would end the program.

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
      client.cork(); // What is answered to one packet is sent as one.
      protocol.received(bytes);
      client.uncork();
      if (closing) break;
      if (client.writableNeedDrain) await once(client, 'drain');
    }
    if (!closing) protocol.ended();
    client.destroySoon(); // when all is sent
    await once(client, 'close');
    log(`${address} disconnected: ${closing ? 'closed by the protocol' : 'end of stream'}`);
  } catch (error) {
    log(`${address} disconnected: ${error}`);
    client.destroy();
  }
}

const server = createServer({ allowHalfOpen: true }, serve);
server.listen({ fd: listen(options).fd, backlog: BACKLOG });
