// select12: a chat to leave running.
//
// New since select11: limits to what one client may cost, and an orderly end. A guard says who is let in, and watches each
//   client; a connection tells its watch what arrives, what is owed to the client, and what the kernel takes of it. Lines go
//   up one at a time, and wait while their answers do. Timers and signals are Node's: this loop is a guest in Node's own.
// Try: with --line-timeout 5, (printf half; sleep 60) | nc localhost 12345
//   With --max-per-address 3, four times nc localhost 12345
//   A client that asks and never reads: bash -c 'yes WHO > /dev/tcp/localhost/12345' is cut off after ten seconds, and
//   takes no memory. Beside one who talks: yes SAY hello | nc localhost 12345 > /dev/null
//   And Ctrl-C, with a client or two.
// Still wrong: one process, on one machine. When it ends, the room does.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Guard, type Guarded } from '../limits/guard.ts';
import { limitOptions, toLimits } from '../limits/limits.ts';
import { serveStatus } from '../limits/status.ts';
import type { Watch } from '../limits/watch.ts';
import { chain, type Receiver } from '../protocol/chain.ts';
import { ChatProtocol, LocalRoom } from '../protocol/chat.ts';
import { PacedLineProtocol } from '../protocol/paced-lines.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address, Socket, WouldBlock } from '../sockets/socket.ts';
import { AsyncChat } from './async-chat.ts';
import { EventHandler, Loop } from './event-handler.ts';

const { selector: mechanism, ...options } = readOptions({ ...limitOptions, selector: selectorOption });
const guard = new Guard(toLimits(options));
const room = new LocalRoom();

class Server extends EventHandler {
  readonly loop: Loop;

  constructor(loop: Loop, listener: Socket) {
    super(loop, listener, 'listening');
    this.loop = loop;
  }

  override onAccept(client: Socket, address: Address): void {
    if (guard.admits(address, (line) => client.trySend(line))) new Connection(this.loop, client, address);
    else client.close();
  }

  override onReject(address: Address, why: string): void {
    log(`${address} rejected: ${why}`);
  }
}

class Connection extends AsyncChat implements Guarded {
  readonly address: Address;
  readonly chat = new ChatProtocol(room, (line) => this.push(line));
  readonly lines = new PacedLineProtocol(() => this.watch.mayBeHeard());
  readonly protocol: Receiver<Buffer>;
  readonly watch: Watch;

  constructor(loop: Loop, client: Socket, address: Address) {
    super(loop, client);
    this.address = address;
    this.watch = guard.enter(this);
    const transport = {
      send: (bytes: Buffer) => this.push(bytes),
      close: () => this.closeWhenDone(),
      report: (problem: string, bytes: Buffer) => log(`${address} discarded ${problem}: ${quote(bytes)}`),
    };
    this.protocol = chain(transport, this.lines, new TextProtocol(), this.chat);
    log(`${address} connected`);
    this.chat.enter();
  }

  override readable(): boolean {
    return super.readable() && !this.lines.waits;
  }

  override foundTerminator(): void {} // There is none: all bytes are passed on at once.

  override collectIncomingData(bytes: Buffer): void {
    log(() => `${this.address} sent ${quote(bytes)}`);
    this.protocol.received(bytes);
    this.watch.heard(bytes.length, this.lines.unfinished);
  }

  override push(output: Buffer): void {
    if (this.watch.owes(output.length)) super.push(output);
  }

  override sendPieces(pieces: Buffer[]): number | WouldBlock {
    const count = super.sendPieces(pieces);
    this.watch.took(count === 'would-block' ? 0 : count);
    return count;
  }

  override onTickEnd(): void {
    this.lines.resume();
    super.onTickEnd();
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
    this.callAtTickEnd();
  }
}

const loop = new Loop(mechanism);
const server = new Server(loop, listen(options));
serveStatus(options, guard);
guard.drainOnSignal(options.drain, () => server.close());
loop.runInNode();
