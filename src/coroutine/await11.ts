// await11: users who talk to each other, an async function for each.
//
// New since await10: a room, and a chat on top of the chain. As in generator11, a second function, flush(), runs as
//   long as there is something to send to a user.
// Try: what you tried with generator11.
// Still wrong: the queue of a user who does not read grows without a limit. await12 bounds it.

import { listenForChat, webOptions } from '../cli/chat-listeners.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { chain, type Receiver, type Transport } from '../protocol/chain.ts';
import { ChatProtocol, type Framing, LocalRoom } from '../protocol/chat.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address } from '../sockets/socket.ts';
import { AsyncLoop } from './async-loop.ts';
import { AsyncSocket } from './async-socket.ts';

const { selector, ...options } = readOptions({ selector: selectorOption, ...webOptions });
const loop = new AsyncLoop(selector);
const room = new LocalRoom();

class Connection implements Transport<Buffer> {
  readonly client: AsyncSocket;
  readonly address: Address;
  readonly chat: ChatProtocol;
  readonly protocol: Receiver<Buffer>;
  readonly unsent: Buffer[] = [];
  flushing = false;
  /** Why the connection ends, as soon as all has been sent. */
  ending: string | undefined;

  constructor(client: AsyncSocket, address: Address, framing: Framing) {
    this.client = client;
    this.address = address;
    this.chat = new ChatProtocol(room, (line) => framing.deliver(line));
    this.protocol = chain(this, framing, new TextProtocol(), this.chat);
  }

  async serve(): Promise<void> {
    log(`${this.address} connected`);
    this.protocol.opened();
    try {
      while (!this.ending) {
        const bytes = await this.client.recv();
        if (bytes.length === 0) break;
        log(() => `${this.address} sent ${quote(bytes)}`);
        this.protocol.received(bytes);
      }
      if (!this.ending) this.protocol.ended();
      this.ending ??= 'end of stream';
      if (!this.flushing) this.leave(this.ending); // Otherwise flush() calls leave(), when all has been sent.
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
      // Another user may push a line before this function resumes. So it looks again.
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

async function acceptAll(listener: AsyncSocket, framing: () => Framing): Promise<void> {
  while (true) {
    const [client, address] = await listener.accept((address, why) => log(`${address} rejected: ${why}`));
    loop.spawn(new Connection(client, address, framing()).serve());
  }
}

for (const { listener, framing } of listenForChat(options)) {
  loop.spawn(acceptAll(new AsyncSocket(loop, listener), framing));
}
await loop.run();
