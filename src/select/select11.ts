// select11: users who talk to each other, one thread.
//
// New since select10: a room, and a chat on top of the chain. The loop is its own again, as in select6, because AsyncChat
//   knows only turns of its own, and here something is to be done at the end of everybody's. Who is in the room stands in
//   a plain variable: there is one thread, and it does not wait, so nobody can come between. What is said to somebody
//   goes into a buffer of theirs; and at the end of the turn, when all who had something to say have said it, each gets
//   what is theirs in one send().
// Try: with --quiet, nc localhost 12345 in three terminals, with NICK alice, SAY hello, MSG alice psst, WHO, QUIT. Then
//   stop one of them with Ctrl-Z, and let another say a lot: yes SAY hello | nc localhost 12345. The third hears it all.
//   Not for long: top shows how the memory grows.
// Still wrong: just that. What the stopped one does not read grows without a limit, and nothing here bounds it yet.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { chain, type Receiver, type Transport } from '../protocol/chain.ts';
import { ChatProtocol, LocalRoom } from '../protocol/chat.ts';
import { LineProtocol } from '../protocol/lines.ts';
import { TextProtocol } from '../protocol/text.ts';
import { acceptOrReject } from '../sockets/accept-or-reject.ts';
import { type Key, READ, Selector, WRITE } from '../sockets/selector.ts';
import { type Address, pin, type Socket } from '../sockets/socket.ts';

const { selector: mechanism, ...options } = readOptions({ selector: selectorOption });

const selector = new Selector<Connection | undefined>(mechanism);
const received = pin(64 * 1024);
const room = new LocalRoom();
/** Who is to be sent something at the end of this turn. */
const due: Connection[] = [];

class Connection implements Transport<Buffer> {
  readonly key: Key<Connection | undefined>;
  readonly address: Address;
  readonly chat = new ChatProtocol(room, (line) => this.send(line));
  readonly protocol: Receiver<Buffer> = chain(this, new LineProtocol(), new TextProtocol(), this.chat);
  /** What was said to it, and the kernel has not taken. */
  readonly unsent: Buffer[] = [];
  /** Why it is only there for what it is still owed. */
  ending: string | undefined;

  constructor(client: Socket, address: Address) {
    client.setBlocking(false);
    this.key = selector.register(client, READ, this);
    this.address = address;
    log(`${address} connected`);
    this.chat.enter();
  }

  serve(): void {
    try {
      if (this.key.ready & READ) this.read();
      if (this.key.ready & WRITE) this.flush();
    } catch (error) {
      this.leave(error);
    }
  }

  read(): void {
    const count = this.key.socket.tryRecvInto(received);
    if (count === 'would-block' || this.ending) return;
    if (count > 0) {
      const bytes = received.bytes.subarray(0, count);
      log(() => `${this.address} sent ${quote(bytes)}`);
      this.protocol.received(bytes);
    } else {
      this.ending = 'end of stream';
      this.protocol.ended();
    }
    if (this.ending && this.unsent.length === 0) due.push(this);
  }

  send(bytes: Buffer): void {
    if (this.unsent.length === 0) due.push(this);
    this.unsent.push(bytes);
  }

  /** Sends what has been waiting, as much as there is room for, and says what to wait for now. */
  flush(): void {
    if (this.key.socket.closed) return; // It has left since it was put down for this.
    try {
      while (this.unsent.length > 0) {
        const count = this.key.socket.trySendPieces(this.unsent);
        if (count === 'would-block') break;
        drop(this.unsent, count);
      }
    } catch (error) {
      this.leave(error);
      return;
    }
    const waits = this.unsent.length > 0;
    if (this.ending && !waits) this.leave(this.ending);
    else selector.modify(this.key, (this.ending ? 0 : READ) | (waits ? WRITE : 0));
  }

  close(): void {
    this.ending = 'closed by the protocol';
  }

  report(problem: string, bytes: Buffer): void {
    log(`${this.address} discarded ${problem}: ${quote(bytes)}`);
  }

  leave(why: unknown): void {
    if (this.key.socket.closed) return;
    log(`${this.address} disconnected: ${why}`);
    selector.unregister(this.key);
    this.key.socket.close();
    this.unsent.length = 0;
    this.chat.leave();
  }
}

/** Takes so many bytes away from the front of these pieces. */
function drop(pieces: Buffer[], bytes: number): void {
  let left = bytes;
  let gone = 0;
  for (let piece = pieces[0]; piece && piece.length <= left; piece = pieces[++gone]) left -= piece.length;
  pieces.splice(0, gone);
  if (left > 0) pieces[0] = (pieces[0] as Buffer).subarray(left);
}

function accept(listener: Socket): void {
  const accepted = acceptOrReject(listener, (address, why) => log(`${address} rejected: ${why}`));
  if (accepted !== 'would-block') new Connection(...accepted);
}

const listener = listen(options);
listener.setBlocking(false);
selector.register(listener, READ, undefined);
while (true) {
  for (const { socket, data: connection } of selector.select()) {
    if (connection) connection.serve();
    else accept(socket);
  }
  for (const connection of due) connection.flush(); // Who leaves is missed by others: then `due` grows as we go.
  due.length = 0;
}
