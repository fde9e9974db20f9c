// await11: users who talk to each other, an async function for each.
//
// New since await10: a room, and a chat on top of the chain; and a second function, flush(), as long as there is
//   something to send to a user, as in generator11.
// Try: what you tried with generator11.
// Still wrong: the queue of a user who does not read grows without a limit: nothing here bounds it yet.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { chain, type Receiver, type Transport } from '../protocol/chain.ts';
import { ChatProtocol, LocalRoom } from '../protocol/chat.ts';
import { LineProtocol } from '../protocol/lines.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address } from '../sockets/socket.ts';
import { AsyncLoop } from './async-loop.ts';
import { AsyncSocket } from './async-socket.ts';

const { selector, ...options } = readOptions({ selector: selectorOption });
const loop = new AsyncLoop(selector);
const room = new LocalRoom();

class Connection implements Transport<Buffer> {
  readonly client: AsyncSocket;
  readonly address: Address;
  readonly chat = new ChatProtocol(room, (line) => this.send(line));
  readonly protocol: Receiver<Buffer> = chain(this, new LineProtocol(), new TextProtocol(), this.chat);
  readonly unsent: Buffer[] = [];
  flushing = false;
  /** Why it ends, as soon as all has been sent. */
  ending: string | undefined;

  constructor(client: AsyncSocket, address: Address) {
    this.client = client;
    this.address = address;
  }

  async serve(): Promise<void> {
    log(`${this.address} connected`);
    this.chat.enter();
    try {
      while (!this.ending) {
        const bytes = await this.client.recv();
        if (bytes.length === 0) break;
        log(() => `${this.address} sent ${quote(bytes)}`);
        this.protocol.received(bytes);
      }
      if (!this.ending) this.protocol.ended();
      this.ending ??= 'end of stream';
      if (!this.flushing) this.leave(this.ending); // Otherwise flush() does, when all has been sent.
    } catch (error) {
      this.leave(error);
    }
  }

  send(bytes: Buffer): void {
    this.unsent.push(bytes);
    if (this.flushing) return;
    this.flushing = true;
    loop.spawn(this.flush());
  }

  async flush(): Promise<void> {
    await loop.sleep(0);
    try {
      // Another function may push a line while this one is about to resume: so look again.
      while (this.unsent.length > 0) await this.client.sendAll(this.unsent);
    } catch (error) {
      this.leave(error);
    }
    this.flushing = false;
    if (this.ending) this.leave(this.ending);
  }

  leave(why: unknown): void {
    if (this.client.closed) return;
    log(`${this.address} disconnected: ${why}`);
    this.chat.leave();
    this.client.lingeringClose();
  }

  close(): void {
    this.ending = 'closed by the protocol';
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
