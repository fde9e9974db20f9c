// await12: a chat to leave running, an async function for each user.
//
// New since await11: limits to what one client may cost, and an orderly end, as in select12, with the same guard. Where
//   select12 is called when a client may be heard again, serve() awaits it.
// Try: what you tried with select12.
// Still wrong: one process, on one machine. When it ends, the room does.

import { listen } from '../cli/listen.ts';
import { log, quote } from '../cli/log.ts';
import { readOptions } from '../cli/options.ts';
import { selectorOption } from '../cli/selector-option.ts';
import { Guard, type Guarded } from '../limits/guard.ts';
import { limitOptions, toLimits } from '../limits/limits.ts';
import { serveStatus } from '../limits/status.ts';
import type { Watch } from '../limits/watch.ts';
import { chain, type Receiver, type Transport } from '../protocol/chain.ts';
import { ChatProtocol, LocalRoom } from '../protocol/chat.ts';
import { PacedLineProtocol } from '../protocol/paced-lines.ts';
import { TextProtocol } from '../protocol/text.ts';
import type { Address } from '../sockets/socket.ts';
import { AsyncLoop } from './async-loop.ts';
import { AsyncSocket } from './async-socket.ts';

const { selector, ...options } = readOptions({ ...limitOptions, selector: selectorOption });
const loop = new AsyncLoop(selector);
const guard = new Guard(toLimits(options));
const room = new LocalRoom();

class Connection implements Transport<Buffer>, Guarded {
  readonly client: AsyncSocket;
  readonly address: Address;
  readonly chat = new ChatProtocol(room, (line) => this.send(line));
  readonly lines = new PacedLineProtocol(() => this.watch.mayBeHeard());
  readonly protocol: Receiver<Buffer> = chain(this, this.lines, new TextProtocol(), this.chat);
  readonly watch: Watch;
  readonly unsent: Buffer[] = [];
  flushing = false;
  goOn = () => {};
  /** Why it ends, as soon as all has been sent. */
  ending: string | undefined;

  constructor(client: AsyncSocket, address: Address) {
    this.client = client;
    this.address = address;
    this.watch = guard.enter(this);
  }

  async serve(): Promise<void> {
    log(`${this.address} connected`);
    this.chat.enter();
    try {
      while (!this.ending) {
        const bytes = await this.client.recv();
        if (bytes.length === 0) break;
        log(() => `${this.address} sent ${quote(bytes)}`);
        this.protocol.received(bytes);
        this.watch.heard(bytes.length, this.lines.unfinished);
        // The chain has stopped in the middle of a packet: its answers come first.
        while (this.lines.waits && !this.ending) await new Promise<void>((goOn) => (this.goOn = goOn));
      }
      this.watch.finished();
      if (!this.ending) this.protocol.ended();
      this.ending ??= 'end of stream';
      if (!this.flushing) this.leave(this.ending); // Otherwise flush() does, when all has been sent.
    } catch (error) {
      this.leave(error);
    }
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
      // Another function may push a line while this one is about to resume: so look again.
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
    this.client.close();
    guard.leave(this);
    this.goOn();
  }

  close(): void {
    this.ending = 'closed by the protocol';
    this.flushSoon(); // It also closes, while serve() waits for bytes.
  }

  tell(line: string): void {
    this.chat.send(line);
  }

  finish(): void {
    this.chat.close();
  }

  cutOff(why: string): void {
    this.leave(why);
  }

  resume(): void {
    this.lines.resume();
    this.goOn();
  }

  report(problem: string, bytes: Buffer): void {
    log(`${this.address} discarded ${problem}: ${quote(bytes)}`);
  }
}

async function acceptAll(listener: AsyncSocket): Promise<void> {
  while (true) {
    const [client, address] = await listener.accept((address, why) => log(`${address} rejected: ${why}`));
    if (guard.admits(address, (line) => client.trySend(line)))
      loop.spawn(new Connection(client, address).serve());
    else client.close();
  }
}

const listener = new AsyncSocket(loop, listen(options));
serveStatus(options, guard);
guard.drainOnSignal(options.drain, () => listener.close());
loop.spawn(
  acceptAll(listener).catch((error) => {
    if (!guard.draining) throw error; // Then accept() has failed because the listener is closed.
  }),
);
await loop.run();
