// ring10: any protocol, many clients, one thread, and a kernel that does the work.
//
// New since ring6: a chain of protocols, as in select10, and a Connection, which has a method for each event. The two
//   memories and the operations in flight have moved to connection.ts. A protocol may now end the conversation, or throw:
//   then the connection cancels its operations. To cancel is an operation, too, and may be too late. Either way, the
//   cancelled operation completes, and only after that the connection closes the socket.
// Try: nc localhost 12345 with HELP, TIME, QUIT. Then what you tried with select10.
// Still wrong: users talk to the server, but not to each other. ring11 is a chat.

import { orFail } from '../cli/fail.ts';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readProtocolOptions } from '../cli/protocol-options.ts';
import type { Receiver } from '../protocol/chain.ts';
import { buildChain } from '../protocol/protocols.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { Connection, type Why } from './connection.ts';
import { Loop } from './loop.ts';

const options = readProtocolOptions();

class Client extends Connection {
  readonly address: Address;
  readonly protocol: Receiver<Buffer>;

  constructor(loop: Loop, socket: Socket, address: Address) {
    super(loop, socket);
    this.address = address;
    this.protocol = buildChain(options, {
      send: (bytes) => this.push(bytes),
      close: () => this.closeWhenDone(),
      report: (problem, bytes) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
    });
    log(`${address} connected`);
  }

  override onRead(bytes: Buffer): void {
    log(() => `${this.address} sent ${quote(bytes)}`);
    this.protocol.received(bytes);
  }

  override onEnd(): void {
    this.protocol.ended();
  }

  override onClose(why: Why): void {
    log(`${this.address} disconnected: ${why === 'closed' ? 'closed by the protocol' : why}`);
  }
}

const loop = orFail(() => new Loop());
loop.serve({
  listener: listen(options),
  onAccept: (client, address) => new Client(loop, client, address),
  onReject: (address, why) => log(`${address} rejected: ${why}`),
});
loop.run();
