// select11: users who talk to each other, one thread.
//
// New since select10: a room, and a chat on top of the chain. The room keeps its users in a plain variable: there is
//   one thread, and it never waits for one user, so nothing comes between two lines of this file. When a user says
//   something, the room pushes it to all the others, and at the end of the tick each of them gets all that was
//   pushed, in one send().
// Try: with --quiet, nc localhost 12345 in three terminals, with NICK alice, SAY hello, MSG alice psst, WHO, QUIT.
//   Then stop one of them with Ctrl-Z, and let another talk without end: yes SAY hello | nc localhost 12345. The
//   third hears it all. Not for long: top shows how the memory grows.
// Still wrong: the queue of a user who does not read grows without a limit: nothing here bounds it yet.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { chain, type Receiver } from '../protocol/chain.ts';
import { ChatProtocol, LocalRoom } from '../protocol/chat.ts';
import { LineProtocol } from '../protocol/lines.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address, Socket } from '../sockets/socket.ts';
import { AsyncChat } from './async-chat.ts';
import { EventHandler, Loop } from './event-handler.ts';

const { selector: mechanism, ...options } = readOptions({ selector: selectorOption });
const room = new LocalRoom();

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
  readonly chat = new ChatProtocol(room, (line) => this.push(line));
  readonly protocol: Receiver<Buffer>;

  constructor(loop: Loop, client: Socket, address: Address) {
    super(loop, client);
    this.address = address;
    const transport = {
      send: (bytes: Buffer) => this.push(bytes),
      close: () => this.closeWhenDone(),
      report: (problem: string, bytes: Buffer) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
    };
    this.protocol = chain(transport, new LineProtocol(), new TextProtocol(), this.chat);
    log(`${address} connected`);
    this.chat.enter();
  }

  override foundTerminator(): void {} // There is none: all bytes are passed on at once.

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
new Server(loop, listen(options));
loop.run();
