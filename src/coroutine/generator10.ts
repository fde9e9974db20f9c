// generator10: any protocol, many clients, a generator for each.
//
// New since generator6: what arrives goes into a chain of protocols, the same as in single10. The chain answers while it is
//   handed something, and does not wait: so what it says is put together, and sent when it has returned, all at once.
//   accept(), recv() and sendAll() have moved to generator-socket.ts.
// Try: --protocol zen, oracle, json-rpc, http, finger or echo; npx tsx src/clients/ask.ts localhost 12345 asks the zen,
//   and with --protocol oracle the oracle. And with http: curl -d '{"jsonrpc":"2.0","id":1,"method":"time"}' localhost:12345.
// Still wrong: each of the users talks to the server, and none to another. generator11 is a chat.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { protocolOptions } from '../cli/protocol-options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import type { Transport } from '../protocol/chain.ts';
import { buildChain } from '../protocol/protocols.ts';
import type { Address } from '../sockets/socket.ts';
import { type Coroutine, GeneratorLoop } from './generator-loop.ts';
import { GeneratorSocket } from './generator-socket.ts';

const { selector, ...options } = readOptions({ ...protocolOptions, selector: selectorOption });
const loop = new GeneratorLoop(selector);

class Connection implements Transport<Buffer> {
  readonly client: GeneratorSocket;
  readonly address: Address;
  unsent: Buffer[] = [];
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
        yield* this.flush();
      }
      if (!this.closing) protocol.ended();
      yield* this.flush();
      log(`${this.address} disconnected: ${this.closing ? 'closed by the protocol' : 'end of stream'}`);
    } catch (error) {
      log(`${this.address} disconnected: ${error}`);
    }
    this.client.close();
  }

  *flush(): Coroutine {
    const pieces = this.unsent;
    this.unsent = [];
    if (pieces.length > 0) yield* this.client.sendAll(pieces);
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
