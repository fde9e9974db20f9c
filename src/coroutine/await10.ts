// await10: any protocol, many clients, an async function for each.
//
// New since await6: the bytes that arrive go into a chain of protocols, as in generator10. accept(), recv() and
//   sendAll() are in async-socket.ts.
// Try: what you tried with generator10. Then compare the two: npm run step generator10, npm run step await10. The chain
//   is the same in both.
// Still wrong: each user talks to the server, and none to another. await11 is a chat.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readProtocolOptions } from '../cli/protocol-options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import type { Transport } from '../protocol/chain.ts';
import { buildChain } from '../protocol/protocols.ts';
import type { Address } from '../sockets/socket.ts';
import { AsyncLoop } from './async-loop.ts';
import { AsyncSocket } from './async-socket.ts';

const { selector, ...options } = readProtocolOptions({ selector: selectorOption });
const loop = new AsyncLoop(selector);

class Connection implements Transport<Buffer> {
  readonly client: AsyncSocket;
  readonly address: Address;
  readonly unsent: Buffer[] = [];
  closing = false;

  constructor(client: AsyncSocket, address: Address) {
    this.client = client;
    this.address = address;
  }

  async serve(): Promise<void> {
    log(`${this.address} connected`);
    const protocol = buildChain(options, this);
    try {
      while (!this.closing) {
        const bytes = await this.client.recv();
        if (bytes.length === 0) break;
        log(() => `${this.address} sent ${quote(bytes)}`);
        protocol.received(bytes);
        await this.client.sendAll(this.unsent);
      }
      if (!this.closing) protocol.ended();
      await this.client.sendAll(this.unsent);
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

async function acceptAll(listener: AsyncSocket): Promise<void> {
  while (true) {
    const [client, address] = await listener.accept((address, why) => log(`${address} rejected: ${why}`));
    loop.spawn(new Connection(client, address).serve());
  }
}

loop.spawn(acceptAll(new AsyncSocket(loop, listen(options))));
await loop.run();
