// select11: users who talk to each other, one thread.
//
// New since select10: a room, and a chat on top of the chain. The room keeps its users in a plain variable, without a
//   lock: there is one thread, which never waits in the middle of a command. The room pushes each line of a user to all
//   others. At the end of the tick, one send() for each user sends all lines that were pushed to it.
// Try: with --quiet, nc localhost 12345 in three terminals, with NICK alice, SAY hello, MSG alice psst, WHO, QUIT.
//   Then stop one of them with Ctrl-Z, and let another talk without end: yes SAY hello | nc localhost 12345. The
//   third hears it all. Not for long: top shows how the memory grows.
//   With --web-port 8080, open http://localhost:8080 in a browser: it is in the same room. The loop has a second
//   listener for that, and the chain of a browser differs in one link.
// Still wrong: the queue of a user who does not read grows without a limit. select12 bounds it.

import { listenForChat, webOptions } from '../cli/chat-listeners.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { chain, type Receiver } from '../protocol/chain.ts';
import { ChatProtocol, type Framing, LocalRoom } from '../protocol/chat.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { AsyncChat } from './async-chat.ts';
import { EventHandler, Loop } from './event-handler.ts';

const { selector: mechanism, ...options } = readOptions({ selector: selectorOption, ...webOptions });
const room = new LocalRoom();

class Server extends EventHandler {
  readonly loop: Loop;
  readonly framing: () => Framing;

  constructor(loop: Loop, listener: Socket, framing: () => Framing) {
    super(loop, listener, 'listening');
    this.loop = loop;
    this.framing = framing;
  }

  override onAccept(client: Socket, address: Address): void {
    new Connection(this.loop, client, address, this.framing());
  }

  override onReject(address: Address, why: string): void {
    log(`${address} rejected: ${why}`);
  }
}

class Connection extends AsyncChat {
  readonly address: Address;
  readonly chat: ChatProtocol;
  readonly protocol: Receiver<Buffer>;

  constructor(loop: Loop, client: Socket, address: Address, framing: Framing) {
    super(loop, client);
    this.address = address;
    const transport = {
      send: (bytes: Buffer) => this.push(bytes),
      close: () => this.closeWhenDone(),
      report: (problem: string, bytes: Buffer) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
    };
    this.chat = new ChatProtocol(room, (line) => framing.deliver(line));
    this.protocol = chain(transport, framing, new TextProtocol(), this.chat);
    log(`${address} connected`);
    this.protocol.opened();
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
    this.chat.leave();
  }
}

const loop = new Loop(mechanism);
for (const { listener, framing } of listenForChat(options)) new Server(loop, listener, framing);
loop.run();
