// select10: any protocol, many clients, one thread.
//
// New since select9: no terminator. Connection passes the bytes that arrive to a chain of protocols, and sends the
//   bytes that the chain passes down. It is the chain of single10 and thread10, because a chain never waits.
// Try: --protocol zen, and npx tsx src/clients/ask.ts localhost 12345
//   Then --protocol http, and curl -d '{"jsonrpc":"2.0","id":1,"method":"time"}' localhost:12345
//   Then --protocol websocket, and http://localhost:12345 in a browser.
//   The others are oracle (ask.ts with --protocol oracle), json-rpc, finger and echo.
// Still wrong: users talk to the server, but not to each other. select11 is a chat.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readProtocolOptions } from '../cli/protocol-options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import type { Receiver } from '../protocol/chain.ts';
import { buildChain } from '../protocol/protocols.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { AsyncChat } from './async-chat.ts';
import { EventHandler, Loop } from './event-handler.ts';

const { selector: mechanism, ...options } = readProtocolOptions({ selector: selectorOption });

class Server extends EventHandler {
  readonly loop: Loop;

  constructor(loop: Loop, listener: Socket) {
    super(loop, listener, 'listening');
    this.loop = loop;
  }

  override onAccept(client: Socket, address: Address): void {
    new Connection(this.loop, client, address);
  }

  override onReject(address: Address, why: string): void {
    log(`${address} rejected: ${why}`);
  }
}

class Connection extends AsyncChat {
  readonly address: Address;
  readonly protocol: Receiver<Buffer>;

  constructor(loop: Loop, client: Socket, address: Address) {
    super(loop, client);
    this.address = address;
    this.protocol = buildChain(options, {
      send: (bytes) => this.push(bytes),
      close: () => this.closeWhenDone(),
      report: (problem, bytes) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
    });
    log(`${address} connected`);
  }

  override foundTerminator(): void {} // Without a terminator, it is never called.

  override collectIncomingData(bytes: Buffer): void {
    log(() => `${this.address} sent ${quote(bytes)}`);
    this.protocol.received(bytes);
  }

  override onClose(): void {
    this.protocol.ended();
    super.onClose();
  }

  override onEnd(why: 'end of stream' | 'closed' | Error): void {
    log(`${this.address} disconnected: ${why === 'closed' ? 'closed by the protocol' : why}`);
  }
}

const loop = new Loop(mechanism);
new Server(loop, listen(options));
loop.run();
