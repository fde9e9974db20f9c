// callback10: any protocol, many clients, and Node's own loop, which calls back.
//
// New since callback6: the bytes that arrive go into a chain of protocols, the same as in single10. A chain fits a
//   socket of Node's well: Node calls it with bytes, it calls write() with bytes, and neither call waits.
// Try: what you tried with generator10.
// Still wrong: each user talks to the server, and none to another. callback11 is a chat.

import { createServer, type Socket } from 'node:net';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readProtocolOptions } from '../cli/protocol-options.ts';
import { buildChain } from '../protocol/protocols.ts';
import { BACKLOG } from '../sockets/socket.ts';
import { lingeringClose } from './lingering-close.ts';
import { remoteAddress } from './remote-address.ts';

const options = readProtocolOptions();

function serve(client: Socket): void {
  const address = remoteAddress(client);
  let why: unknown = 'end of stream';
  log(`${address} connected`);

  const protocol = buildChain(options, {
    send: (bytes) => client.write(bytes),
    close: () => {
      why = 'closed by the protocol';
      lingeringClose(client); // when all is sent
    },
    report: (problem, bytes) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
  });

  client.on('data', (bytes) => {
    try {
      log(() => `${address} sent ${quote(bytes)}`);
      client.cork(); // Node sends the answers to one packet together.
      protocol.received(bytes);
      client.uncork();
      if (client.writableNeedDrain) client.pause();
    } catch (error) {
      client.destroy(error as Error);
    }
  });
  client.on('drain', () => client.resume());
  client.on('end', () => {
    protocol.ended();
    client.end();
  });
  client.on('error', (error) => {
    why = error;
  });
  client.on('close', () => log(`${address} disconnected: ${why}`));
}

const server = createServer({ allowHalfOpen: true }, serve);
server.listen({ fd: listen(options).fd }, BACKLOG);
