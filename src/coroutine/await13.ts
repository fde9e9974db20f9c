// await13: a chat in several processes, on several machines.
//
// New since await12: Redis keeps the room (src/machines), and all processes and machines that name the same Redis share it.
//   Redis publishes the commands of all users in one order. A user's next command waits until the last one has come back.
//   Redis's library runs on Node's loop, in which ours is a guest. (node-redis is a development dependency: npm ci installs it.)
// Try: redis-server --save '' in a terminal; npm start await13 -- --redis redis://localhost:6379 --processes 2; the same with
//   --port 12346, as if on another machine. nc localhost 12345 and nc localhost 12346 are in one room. kill -9 a process, or
//   stop Redis by Ctrl-Z, say something, and start it again by fg.
// Still wrong: a line arrives at most once. To make sure that it arrives, Redis would have to keep it until each user has it.
//   And while the one Redis is away, users can't talk.

import { type ChatListener, listenForChat, webOptions } from '../cli/chat-listeners.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Guard, type Guarded } from '../limits/guard.ts';
import { limitOptions, toLimits } from '../limits/limits.ts';
import { serveStatus } from '../limits/status.ts';
import type { Watch } from '../limits/watch.ts';
import { expectMachines, machineOptions } from '../machines/options.ts';
import { RedisRoom } from '../machines/redis-room.ts';
import { inheritedListeners, supervise } from '../parallel/children.ts';
import { chain, type Receiver, type Transport } from '../protocol/chain.ts';
import { ChatProtocol, type Framing, LocalRoom } from '../protocol/chat.ts';
import { PaceProtocol } from '../protocol/pace.ts';
import type { Room } from '../protocol/room.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address } from '../sockets/socket.ts';
import { AsyncLoop } from './async-loop.ts';
import { AsyncSocket } from './async-socket.ts';

const { selector, ...options } = readOptions({
  selector: selectorOption,
  ...machineOptions,
  ...webOptions,
  ...limitOptions,
});
const guard = new Guard(toLimits(options));
const loop = new AsyncLoop(selector);

class Connection implements Transport<Buffer>, Guarded {
  readonly client: AsyncSocket;
  readonly address: Address;
  readonly chat: ChatProtocol;
  readonly protocol: Receiver<Buffer>;
  readonly framing: Framing;
  readonly watch: Watch;
  readonly pace: PaceProtocol;
  readonly unsent: Buffer[] = [];
  flushing = false;
  /** Resolves the promise of untilHeard(), so that serve() goes on. */
  goOn = (): void => {};
  /** Why the connection ends, as soon as all has been sent. */
  ending: string | undefined;

  constructor(room: Room, client: AsyncSocket, address: Address, framing: Framing) {
    this.client = client;
    this.address = address;
    this.framing = framing;
    this.watch = guard.enter(this);
    this.pace = new PaceProtocol({
      mayBeHeard: () => !this.chat.waits && this.watch.mayBeHeard(),
      answered: () => this.watch.answered(),
      tooLong: () => this.watch.tooLong(),
    });
    this.chat = new ChatProtocol(
      room,
      (line) => framing.deliver(line),
      () => this.resume(),
    );
    this.protocol = chain(this, framing, this.pace, new TextProtocol(), this.chat);
  }

  async serve(): Promise<void> {
    log(`${this.address} connected`);
    this.protocol.opened();
    try {
      while (true) {
        while ((this.chat.waits || this.pace.waits) && !this.client.closed) await this.untilHeard();
        if (this.ending) break;
        const bytes = await this.client.recv();
        if (bytes.length === 0) break;
        log(() => `${this.address} sent ${quote(bytes)}`);
        this.protocol.received(bytes);
        this.watch.heard(bytes.length, this.framing.begun);
      }
      this.watch.finished();
      if (!this.ending) this.protocol.ended();
      this.ending ??= 'end of stream';
      if (!this.flushing) this.leave(this.ending); // Otherwise flush() calls leave(), when all has been sent.
    } catch (error) {
      this.leave(error);
    }
  }

  untilHeard(): Promise<void> {
    return new Promise((resolve) => {
      this.goOn = resolve;
    });
  }

  send(bytes: Buffer): void {
    if (!this.watch.owes(bytes.length)) return;
    this.unsent.push(bytes);
    this.flushSoon();
  }

  flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    loop.spawn(this.flush());
  }

  async flush(): Promise<void> {
    await loop.sleep(0);
    try {
      // Another user may push a line before this function resumes. So it looks again.
      while (this.unsent.length > 0) {
        await this.client.sendAll(this.unsent, (bytes) => this.watch.took(bytes));
      }
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
    this.client.lingeringClose(() => guard.leave(this));
    this.goOn();
  }

  tell(line: string): void {
    this.chat.send(line);
  }

  finish(): void {
    this.chat.close();
  }

  cutOff(why: string): void {
    this.leave(why);
    this.client.close();
  }

  resume(): void {
    this.pace.resume();
    this.goOn();
  }

  close(): void {
    this.ending = 'closed by the protocol';
    this.flushSoon(); // flush() also closes, while serve() waits for bytes.
  }

  report(problem: string, bytes: Buffer): void {
    log(`${this.address} discarded ${problem}: ${quote(bytes)}`);
  }
}

async function acceptAll(room: Room, listener: AsyncSocket, framing: () => Framing): Promise<void> {
  try {
    while (true) {
      const [client, address] = await listener.accept((address, why) => log(`${address} rejected: ${why}`));
      const admitted = guard.admits(address, (line) => client.trySend(line));
      if (admitted) loop.spawn(new Connection(room, client, address, framing()).serve());
      else client.close();
    }
  } catch (error) {
    if (!listener.closed) throw error; // The guard closes the listener, and then accept() fails.
  }
}

async function run(chatListeners: ChatListener[]): Promise<void> {
  const room = options.redis === '' ? new LocalRoom() : await RedisRoom.open(options.redis);
  const listeners = chatListeners.map(({ listener, framing }) => {
    const socket = new AsyncSocket(loop, listener);
    loop.spawn(acceptAll(room, socket, framing));
    return socket;
  });
  guard.drainOnSignal(options.drain, listeners, () => room.close());
  await loop.run();
}

const inherited = inheritedListeners();
const isFirst = inherited.length === 0;
if (isFirst) await expectMachines(options);
serveStatus(options, guard);
const chatListeners = listenForChat(options, guard.limits, inherited);
if (isFirst && options.processes > 1) {
  const listeners = chatListeners.map(({ listener }) => listener);
  supervise(options.processes, listeners, { drain: true });
} else await run(chatListeners);
