// select12: a chat to leave running.
//
// New since select11: limits to what one client may cost, and an orderly end. A guard decides which clients come in, and
//   has a watch for each. A connection tells its watch how many bytes arrive, how many it owes the client, and how many of
//   these the kernel takes. It handles one line at a time, and none while too many answers wait. The loop is a guest in
//   Node's own loop, which has the timers and the signals.
// Try: with --line-timeout 5, (printf half; sleep 60) | nc localhost 12345
//   With --max-per-address 3, four times nc localhost 12345
//   A client that asks and never reads: bash -c 'yes WHO > /dev/tcp/localhost/12345' is cut off after ten seconds, and
//   takes little memory. Meanwhile, let another one talk: yes SAY hello | nc localhost 12345 > /dev/null
//   And Ctrl-C, with a client or two.
// Still wrong: one process, on one machine. When it ends, the room is gone.

import { listenForChat, webOptions } from '../cli/chat-listeners.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Guard, type Guarded } from '../limits/guard.ts';
import { limitOptions, toLimits } from '../limits/limits.ts';
import { serveStatus } from '../limits/status.ts';
import type { Watch } from '../limits/watch.ts';
import { chain, type Receiver } from '../protocol/chain.ts';
import { ChatProtocol, type Framing, LocalRoom } from '../protocol/chat.ts';
import { PaceProtocol } from '../protocol/pace.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address, Socket, WouldBlock } from '../sockets/socket.ts';
import { AsyncChat } from './async-chat.ts';
import { EventHandler, Loop } from './event-handler.ts';

const { selector: mechanism, ...options } = readOptions({
  selector: selectorOption,
  ...webOptions,
  ...limitOptions,
});
const guard = new Guard(toLimits(options));
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
    const admitted = guard.admits(address, (line) => client.trySend(line));
    if (admitted) new Connection(this.loop, client, address, this.framing());
    else client.close();
  }

  override onReject(address: Address, why: string): void {
    log(`${address} rejected: ${why}`);
  }
}

class Connection extends AsyncChat implements Guarded {
  readonly address: Address;
  readonly chat: ChatProtocol;
  readonly protocol: Receiver<Buffer>;
  readonly framing: Framing;
  readonly pace: PaceProtocol;
  readonly watch: Watch;

  constructor(loop: Loop, client: Socket, address: Address, framing: Framing) {
    super(loop, client);
    this.address = address;
    this.framing = framing;
    this.watch = guard.enter(this);
    this.pace = new PaceProtocol(this.watch);
    const transport = {
      send: (bytes: Buffer) => this.push(bytes),
      close: () => this.closeWhenDone(),
      report: (problem: string, bytes: Buffer) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
    };
    this.chat = new ChatProtocol(room, (line) => framing.deliver(line));
    this.protocol = chain(transport, framing, this.pace, new TextProtocol(), this.chat);
    log(`${address} connected`);
    this.protocol.opened();
  }

  override readable(): boolean {
    return super.readable() && !this.pace.waits;
  }

  override foundTerminator(): void {} // Without a terminator, it is never called.

  override collectIncomingData(bytes: Buffer): void {
    log(() => `${this.address} sent ${quote(bytes)}`);
    this.protocol.received(bytes);
    this.watch.heard(bytes.length, this.framing.begun);
  }

  override push(output: Buffer): void {
    if (this.watch.owes(output.length)) super.push(output);
  }

  override sendPieces(pieces: Buffer[]): number | WouldBlock {
    const count = super.sendPieces(pieces);
    this.watch.took(count === 'would-block' ? 0 : count);
    return count;
  }

  override onClose(): void {
    this.watch.finished();
    this.protocol.ended();
    super.onClose();
  }

  override onEnd(why: 'end of stream' | 'closed' | Error): void {
    log(`${this.address} disconnected: ${why === 'closed' ? 'closed by the protocol' : why}`);
    this.chat.leave();
  }

  override close(): void {
    super.close();
    guard.leave(this);
  }

  tell(line: string): void {
    this.chat.send(line);
  }

  finish(): void {
    this.chat.close();
  }

  cutOff(why: string): void {
    this.onError(why);
  }

  resume(): void {
    this.pace.resume();
    this.callAtTickEnd(); // After that, the loop calls readable() again.
  }
}

const loop = new Loop(mechanism);
serveStatus(options, guard);
const servers = listenForChat(options, guard.limits).map(
  ({ listener, framing }) => new Server(loop, listener, framing),
);
guard.drainOnSignal(options.drain, servers);
loop.runInNode();
