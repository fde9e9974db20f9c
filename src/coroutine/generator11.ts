// generator11: users who talk to each other, a generator for each.
//
// New since generator10: a room, and a chat on top of the chain. Lines for a user arrive at any time, while the user's
//   coroutine waits in recv(). So a second coroutine, flush(), runs as long as there is something to send. It first
//   waits for the end of the tick. So all lines of the tick go out in one send().
// Try: with --quiet, nc localhost 12345 in three terminals, with NICK alice, SAY hello, MSG alice psst, WHO, QUIT.
//   Then stop one of them with Ctrl-Z, and let another talk without end: yes SAY hello | nc localhost 12345. The
//   third reads every line. But not for long: top shows how the memory grows.
// Still wrong: the queue of a user who does not read grows without a limit. await12 bounds it.

import { listenForChat, webOptions } from '../cli/chat-listeners.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { chain, type Receiver, type Transport } from '../protocol/chain.ts';
import { ChatProtocol, type Framing, LocalRoom } from '../protocol/chat.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address } from '../sockets/socket.ts';
import { type Coroutine, GeneratorLoop } from './generator-loop.ts';
import { GeneratorSocket } from './generator-socket.ts';

const { selector, ...options } = readOptions({ selector: selectorOption, ...webOptions });
const loop = new GeneratorLoop(selector);
const room = new LocalRoom();

class Connection implements Transport<Buffer> {
  readonly client: GeneratorSocket;
  readonly address: Address;
  readonly chat: ChatProtocol;
  readonly protocol: Receiver<Buffer>;
  readonly unsent: Buffer[] = [];
  flushing = false;
  /** Why the connection ends, as soon as all has been sent. */
  ending: string | undefined;

  constructor(client: GeneratorSocket, address: Address, framing: Framing) {
    this.client = client;
    this.address = address;
    this.chat = new ChatProtocol(room, (line) => framing.deliver(line));
    this.protocol = chain(this, framing, new TextProtocol(), this.chat);
  }

  *serve(): Coroutine {
    log(`${this.address} connected`);
    this.protocol.opened();
    try {
      while (!this.ending) {
        const bytes = yield* this.client.recv();
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

  *flush(): Coroutine {
    yield ['sleep', 0];
    try {
      yield* this.client.sendAll(this.unsent);
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

function* acceptAll(listener: GeneratorSocket, framing: () => Framing): Coroutine {
  while (true) {
    const [client, address] = yield* listener.accept((address, why) => log(`${address} rejected: ${why}`));
    loop.spawn(new Connection(client, address, framing()).serve());
  }
}

for (const { listener, framing } of listenForChat(options)) {
  loop.spawn(acceptAll(new GeneratorSocket(loop, listener), framing));
}
loop.run();
