// ring10: any protocol, many clients, one thread, and a kernel that does the work.
//
// New since ring6: a protocol may end the conversation, while a recv is in flight. close() would not end the recv, so it
//   is cancelled: that is an operation of its own, and when it is too late, the recv completes all the same. The queue,
//   the two memories, and what is in flight have moved to connection.ts. Here are a chain of protocols, the same as in
//   select10, and a method for each event.
// Try: nc localhost 12345 with HELP, TIME, QUIT. Then what you tried with select10.
// Still wrong: each user talks to the server, and none to another. ring11 is a chat.

import { orFail } from '../cli/fail.ts';
import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { protocolOptions } from '../cli/protocol-options.ts';
import type { Receiver } from '../protocol/chain.ts';
import { buildChain } from '../protocol/protocols.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { Connection, Loop } from './connection.ts';

const options = readOptions(protocolOptions);

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

  override onClose(why: 'end of stream' | 'closed' | Error): void {
    log(`${this.address} disconnected: ${why === 'closed' ? 'closed by the protocol' : why}`);
  }
}

const loop = orFail(() => new Loop());
loop.run({
  listener: listen(options),
  onAccept: (client, address) => new Client(loop, client, address),
  onReject: (address, why) => log(`${address} rejected: ${why}`),
});
