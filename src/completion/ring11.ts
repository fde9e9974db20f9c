// ring11: users who talk to each other, one thread, and a kernel that does the work.
//
// New since ring10: a room, and a chat on top of the chain, as in select11. The room pushes each line of a user to all
//   others. At the end of the tick, each connection submits one send with all pushed lines, and one system call hands all
//   these sends over. A user whose last send is still in flight gets the rest after it.
// Try: with --quiet, nc localhost 12345 in three terminals, with NICK alice, SAY hello, MSG alice psst, WHO, QUIT.
//   Then stop one of them with Ctrl-Z, and let another talk without end: yes SAY hello | nc localhost 12345. The
//   third hears it all. Not for long: top shows how the memory grows.
//   With --web-port 8080, open http://localhost:8080 in a browser: it is in the same room.
// Still wrong: for a user who does not read, the unsent bytes grow, and no limit stops them.

import { listenForChat, webOptions } from '../cli/chat-listeners.ts';
import { orFail } from '../cli/fail.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { chain, type Receiver } from '../protocol/chain.ts';
import { ChatProtocol, type Framing, LocalRoom } from '../protocol/chat.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { Connection, type Why } from './connection.ts';
import { Loop } from './loop.ts';

const options = readOptions(webOptions);
const room = new LocalRoom();

class Client extends Connection {
  readonly address: Address;
  readonly chat: ChatProtocol;
  readonly protocol: Receiver<Buffer>;

  constructor(loop: Loop, socket: Socket, address: Address, framing: Framing) {
    super(loop, socket);
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

  override onRead(bytes: Buffer): void {
    log(() => `${this.address} sent ${quote(bytes)}`);
    this.protocol.received(bytes);
  }

  override onEnd(): void {
    this.protocol.ended();
  }

  override onClose(why: Why): void {
    log(`${this.address} disconnected: ${why === 'closed' ? 'closed by the protocol' : why}`);
    this.chat.leave();
  }
}

const loop = orFail(() => new Loop());
for (const { listener, framing } of listenForChat(options)) {
  loop.serve({
    listener,
    onAccept: (client, address) => new Client(loop, client, address, framing()),
    onReject: (address, why) => log(`${address} rejected: ${why}`),
  });
}
loop.run();
