// await12: a chat to leave running, an async function for each user.
//
// New since await11: limits to what one client may cost, and an orderly end, by the guard of select12. When the guard lets
//   a client wait, serve() awaits a promise, and receives nothing until the guard resolves it.
// Try: what you tried with select12.
// Still wrong: one process, on one machine. When it ends, the room is gone.

import { listenForChat, webOptions } from '../cli/chat-listeners.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Guard, type Guarded } from '../limits/guard.ts';
import { limitOptions, toLimits } from '../limits/limits.ts';
import { serveStatus } from '../limits/status.ts';
import type { Watch } from '../limits/watch.ts';
import { chain, type Receiver, type Transport } from '../protocol/chain.ts';
import { ChatProtocol, type Framing, LocalRoom } from '../protocol/chat.ts';
import { PaceProtocol } from '../protocol/pace.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address } from '../sockets/socket.ts';
import { AsyncLoop } from './async-loop.ts';
import { AsyncSocket } from './async-socket.ts';

const { selector, ...options } = readOptions({ selector: selectorOption, ...webOptions, ...limitOptions });
const guard = new Guard(toLimits(options));
const loop = new AsyncLoop(selector);
const room = new LocalRoom();

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

  constructor(client: AsyncSocket, address: Address, framing: Framing) {
    this.client = client;
    this.address = address;
    this.framing = framing;
    this.watch = guard.enter(this);
    this.pace = new PaceProtocol(this.watch);
    this.chat = new ChatProtocol(room, (line) => framing.deliver(line));
    this.protocol = chain(this, framing, this.pace, new TextProtocol(), this.chat);
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
        this.watch.heard(bytes.length, this.framing.begun);
        while (this.pace.waits && !this.client.closed) await this.untilHeard();
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

async function acceptAll(listener: AsyncSocket, framing: () => Framing): Promise<void> {
  try {
    while (true) {
      const [client, address] = await listener.accept((address, why) => log(`${address} rejected: ${why}`));
      const admitted = guard.admits(address, (line) => client.trySend(line));
      if (admitted) loop.spawn(new Connection(client, address, framing()).serve());
      else client.close();
    }
  } catch (error) {
    if (!listener.closed) throw error; // The guard closes the listener, and then accept() fails.
  }
}

serveStatus(options, guard);
const listeners = listenForChat(options, guard.limits).map(({ listener, framing }) => {
  const socket = new AsyncSocket(loop, listener);
  loop.spawn(acceptAll(socket, framing));
  return socket;
});
guard.drainOnSignal(options.drain, listeners);
await loop.run();
