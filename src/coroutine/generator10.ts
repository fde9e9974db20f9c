// generator10: any protocol, many clients, a generator for each.
//
// New since generator6: the bytes that arrive go into a chain of protocols, the same as in single10. The chain can't
//   wait, so its answers go into a queue. When the chain has returned, serve() sends all of them in one send().
//   accept(), recv() and sendAll() are in generator-socket.ts.
// Try: --protocol zen, and npx tsx src/clients/ask.ts localhost 12345
//   Then --protocol http, and curl -d '{"jsonrpc":"2.0","id":1,"method":"time"}' localhost:12345
//   Then --protocol websocket, and http://localhost:12345 in a browser.
//   The others are oracle (ask.ts with --protocol oracle), json-rpc, finger and echo.
// Still wrong: each user talks to the server, and none to another. generator11 is a chat.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readProtocolOptions } from '../cli/protocol-options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import type { Transport } from '../protocol/chain.ts';
import { buildChain } from '../protocol/protocols.ts';
import type { Address } from '../sockets/socket.ts';
import { type Coroutine, GeneratorLoop } from './generator-loop.ts';
import { GeneratorSocket } from './generator-socket.ts';

const { selector, ...options } = readProtocolOptions({ selector: selectorOption });
const loop = new GeneratorLoop(selector);

class Connection implements Transport<Buffer> {
  readonly client: GeneratorSocket;
  readonly address: Address;
  readonly unsent: Buffer[] = [];
  closing = false;

  constructor(client: GeneratorSocket, address: Address) {
    this.client = client;
    this.address = address;
  }

  *serve(): Coroutine {
    log(`${this.address} connected`);
    const protocol = buildChain(options, this);
    try {
      while (!this.closing) {
        const bytes = yield* this.client.recv();
        if (bytes.length === 0) break;
        log(() => `${this.address} sent ${quote(bytes)}`);
        protocol.received(bytes);
        yield* this.client.sendAll(this.unsent);
      }
      if (!this.closing) protocol.ended();
      yield* this.client.sendAll(this.unsent);
      log(`${this.address} disconnected: ${this.closing ? 'closed by the protocol' : 'end of stream'}`);
    } catch (error) {
      log(`${this.address} disconnected: ${error}`);
    }
    this.client.lingeringClose();
  }

  send(bytes: Buffer): void {
    this.unsent.push(bytes);
  }

  close(): void {
    this.closing = true;
  }

  report(problem: string, bytes: Buffer): void {
    log(`${this.address} discarded ${problem}: ${quote(bytes)}`);
  }
}

function* acceptAll(listener: GeneratorSocket): Coroutine {
  while (true) {
    const [client, address] = yield* listener.accept((address, why) => log(`${address} rejected: ${why}`));
    loop.spawn(new Connection(client, address).serve());
  }
}

loop.spawn(acceptAll(new GeneratorSocket(loop, listen(options))));
loop.run();
